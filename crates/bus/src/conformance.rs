//! The suite that every bus must pass, run by each adapter's tests against a bus of its own.
//!
//! An adapter implements [`Candidate`] and writes `bus::conformance_suite!(expression)`, where the expression makes a
//! candidate with an empty bus; the macro turns every promise into a test of its own. The promises are functions
//! named as claims. They wait by deadline and never by sleeping: a bus that is slow passes, one that forgets does not.

use std::sync::Arc;

use async_trait::async_trait;

use crate::Bus;

pub mod fetching;
pub mod publishing;
pub mod settling;
mod steps;
pub mod surviving;

/// A bus under test, with storage of its own that outlives it.
#[async_trait]
pub trait Candidate: Send {
    /// The bus as it is open now. A promise gives back what it got before it reopens or crashes the candidate.
    fn bus(&self) -> Arc<dyn Bus>;

    /// Ends the bus in good order and opens it again on the same storage.
    async fn reopen(&mut self);

    /// Ends whatever holds the messages without warning, as `kill -9` does, and opens it again on the same storage.
    async fn crash(&mut self);
}

/// Makes each promise a test of the crate that calls it. The expression is evaluated for each test and makes, awaited,
/// a [`Candidate`] whose bus is empty.
#[macro_export]
macro_rules! conformance_suite {
    ($candidate:expr) => {
        $crate::conformance_suite! { $candidate =>
            publishing {
                each_message_has_a_result_of_its_own
                a_known_id_is_confirmed_as_a_duplicate_and_delivered_once
                a_known_id_is_a_duplicate_after_a_crash_too
                the_largest_payload_arrives_whole
                five_thousand_messages_arrive_complete_and_in_order
                the_bus_says_that_it_can_be_used
            }
            fetching {
                messages_come_in_the_order_they_were_added
                each_consumer_gets_every_message
                a_consumer_of_one_topic_gets_that_topic_alone
                openings_of_one_name_share_the_messages
                no_more_than_unsettled_max_are_delivered_until_some_are_settled
                a_fetch_returns_at_once_what_is_there
                a_waiting_fetch_returns_with_the_first_message
                a_fetch_returns_empty_after_its_wait
            }
            settling {
                an_unsettled_message_comes_back_after_ack_wait_with_a_higher_attempt
                a_retried_message_comes_back_and_not_before_its_delay
                a_rejected_message_never_comes_back
                a_settlement_out_of_order_skips_nothing
            }
            surviving {
                an_acknowledged_message_stays_so_when_the_bus_is_reopened
                an_unsettled_message_comes_back_when_the_bus_is_reopened
                a_position_survives_when_the_bus_is_reopened
                a_new_consumer_begins_at_the_oldest_message
                what_was_confirmed_survives_a_crash
                what_was_confirmed_survives_a_crash_in_the_middle_of_publishing
            }
        }
    };
    ($candidate:expr => $($module:ident { $($promise:ident)+ })+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::conformance::$module::$promise(($candidate).await).await;
            }
        )+)+
    };
}
