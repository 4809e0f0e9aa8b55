//! The body that receivers of anchore-engine's notifications know (contract 6.2).

use contract::{NotificationBody, QueueEntry};

use crate::{Notification, Rendered};

pub(super) fn render(notification: &Notification) -> Rendered {
    let entry = QueueEntry {
        id: notification.delivery_id,
        notification_type: notification.notification_type.as_str(),
        user_email: notification.account_email.clone(),
        queued_at: notification.queued_at,
        last_attempt_at: notification.last_attempt_at,
        gives_up_at: notification.gives_up_at,
    };
    Rendered::json("application/json", &NotificationBody::new(entry, notification.stored()))
}
