//! The stored record (contract 1.1), as every other door gives it.

use contract::Record;

use crate::{Notification, Rendered};

pub(super) fn render(notification: &Notification) -> Rendered {
    Rendered::json("application/json", &Record::from(notification.stored()))
}
