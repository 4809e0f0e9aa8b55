//! The rows of the tables. sea-orm's entities stay within the modules that read and write them.

pub mod deliveries {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deliveries")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub position: i64,
        pub id: Uuid,
        pub endpoint: String,
        pub event_id: Uuid,
        pub payload: Vec<u8>,
        pub account: String,
        pub level: String,
        pub event_type: String,
        pub type_name: String,
        pub message: String,
        pub service: Option<String>,
        pub host_id: Option<String>,
        pub resource_type: Option<String>,
        pub resource_id: Option<String>,
        pub occurred_at: i64,
        pub stored_at: Option<i64>,
        pub resource: String,
        pub status: String,
        pub created_at: i64,
        pub due_at: i64,
        pub expires_at: i64,
        pub finished_at: Option<i64>,
        pub attempt_count: i32,
        pub last_attempt_at: Option<i64>,
        pub reason: Option<String>,
        pub lease: Option<Uuid>,
        pub leased_until: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod attempts {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "attempts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub delivery: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub started_at: i64,
        pub outcome: Option<String>,
        pub latency_micros: Option<i64>,
        pub status: Option<i32>,
        pub cause: Option<String>,
        pub reason: Option<String>,
        pub hint: Option<String>,
        pub answer: Option<String>,
        pub retry_after_micros: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod endpoints {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "endpoints")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub endpoint: String,
        /// A `notifier.v1.Endpoint` with secrets in it.
        pub settings: Vec<u8>,
        pub changed_at: i64,
        pub old_secret: Option<String>,
        pub old_secret_until: Option<i64>,
    }

    /// Its settings hold secrets.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Model").field("endpoint", &self.endpoint).finish_non_exhaustive()
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod endpoint_states {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "endpoint_states")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub endpoint: String,
        pub target: String,
        pub changed_at: i64,
        pub condition: String,
        pub told: String,
        pub failures: i64,
        pub failing_since: Option<i64>,
        pub probes: i32,
        pub next_probe_at: Option<i64>,
        pub drain_to: Option<i64>,
        pub held_until: Option<i64>,
        pub cause: Option<String>,
        pub given_up: i64,
        pub given_up_told_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod dispatch {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "dispatch")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i16,
        pub holder: String,
        pub held_until: i64,
        pub endpoints_version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
