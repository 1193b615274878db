//! Runs the C tests of `tests/c`, each promise as a test of its own: on the mock
//! cluster, and on a real Kafka too if `make test` started one.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use once_cell::sync::OnceCell;

const LIMIT: Duration = Duration::from_secs(300);

/// A C program with one function for each promise.
struct Program {
    source: &'static str,
    built: OnceCell<PathBuf>,
}

impl Program {
    const fn new(source: &'static str) -> Self {
        Self {
            source,
            built: OnceCell::new(),
        }
    }

    fn run(&self, promise: &str) {
        let program = self.built.get_or_init(|| common::compile(self.source));
        for cluster in std::iter::once("mock".to_owned()).chain(common::kafka()) {
            let output = common::must_succeed_within(program, &[promise, &cluster], LIMIT);
            let name = if cluster == "mock" { "mock" } else { "kafka" };
            let said = String::from_utf8_lossy(&output.stdout);
            let said = if said.is_empty() {
                "holds"
            } else {
                said.trim_end()
            };
            println!("{name}: {said}");
        }
    }
}

macro_rules! promises {
    ($($program:ident { $($promise:ident,)* })*) => {$(
        mod $program {
            static PROGRAM: super::Program =
                super::Program::new(concat!("tests/c/", stringify!($program), ".c"));
            $(
                #[test]
                fn $promise() {
                    PROGRAM.run(stringify!($promise));
                }
            )*
        }
    )*};
}

promises! {
    reports {
        exactly_one_report_per_accepted_message,
        a_program_that_only_sends_and_flushes_never_stalls,
        an_unread_channel_delays_no_other,
        flush_and_len_count_messages_without_a_result_and_nothing_else,
        close_leaves_no_message_without_a_report,
        reports_bring_back_the_fields_that_were_asked_for,
        send_batch_is_like_many_sends,
        send_batch_tells_exactly_which_rows_it_took,
        a_receiver_that_waits_first_gets_the_report,
        reports_that_poll_fetched_outlive_the_client,
    }
    channels {
        a_channel_holds_as_many_as_its_capacity_in_order,
        receivers_drain_a_closed_channel_first,
        what_is_not_delivered_comes_again,
        closing_wakes_all_who_wait,
        without_capacity_a_send_ends_when_a_receiver_has_it,
        many_threads_select_and_every_message_arrives_once,
        select_is_fair_and_has_a_default_and_a_deadline,
        the_descriptor_is_readable_while_there_is_something,
        a_produce_channel_blocks_its_sender_while_the_queue_is_full,
    }
    consumer {
        every_field_of_a_message_arrives_as_it_was_sent,
        what_was_delivered_is_committed_and_nothing_else,
        a_clean_close_commits_what_was_delivered,
        waiting_on_the_descriptor_is_enough,
        a_group_shares_its_topic,
    }
    misuse {
        null_is_an_error_that_names_the_argument,
        a_stale_or_wrong_handle_is_told_from_a_live_one,
        a_topic_of_one_producer_is_no_topic_of_another,
        a_long_error_is_cut_at_a_whole_character,
        configuration_reads_back_and_names_what_it_refuses,
    }
}

/// The test itself prints nothing, so neither may the library.
#[test]
fn no_output_and_no_signal_handler_or_mask() {
    let program = common::compile("tests/c/quiet.c");
    for cluster in std::iter::once("mock".to_owned()).chain(common::kafka()) {
        let args = ["no_output_and_no_signal_handler_or_mask", &cluster];
        let output = common::must_succeed_within(&program, &args, LIMIT);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}
