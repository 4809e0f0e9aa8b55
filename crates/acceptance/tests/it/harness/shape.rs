//! The shapes in which the system runs.

/// Where the services run, and what they stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Local bus and SQLite, every service in one process.
    LocalTogether,
    /// Local bus and SQLite, the gateway in a process of its own: the others share a local bus, so they cannot be parted.
    LocalApart,
    /// NATS and PostgreSQL, every service in one process.
    NatsTogether,
    /// NATS and PostgreSQL, each service in a process of its own.
    NatsApart,
}

impl Shape {
    pub fn has_servers(self) -> bool {
        matches!(self, Self::NatsTogether | Self::NatsApart)
    }

    /// The services of each process.
    pub fn processes(self) -> &'static [&'static [&'static str]] {
        match self {
            // Without a name, all of them.
            Self::LocalTogether | Self::NatsTogether => &[&[]],
            Self::LocalApart => &[&["events-store", "notifier", "catalog", "policy-engine", "analyzer"], &["gateway"]],
            Self::NatsApart => {
                &[&["events-store"], &["notifier"], &["catalog"], &["policy-engine"], &["analyzer"], &["gateway"]]
            }
        }
    }
}

/// Makes a test of each function, a `fn(Shape)`, in each shape.
macro_rules! on_every_stack {
    ($($test:ident),+ $(,)?) => {
        on_every_stack!(@shape local_together LocalTogether $($test)+);
        on_every_stack!(@shape local_apart LocalApart $($test)+);
        on_every_stack!(@shape nats_together NatsTogether $($test)+);
        on_every_stack!(@shape nats_apart NatsApart $($test)+);
    };
    (@shape $module:ident $shape:ident $($test:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::$test($crate::harness::Shape::$shape);
                }
            )+
        }
    };
}
