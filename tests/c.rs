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
        self.run_on(
            promise,
            std::iter::once("mock".to_owned()).chain(common::kafka()),
        );
    }

    /// Where the mock cluster does not do what Kafka does.
    fn run_on_kafka(&self, promise: &str) {
        if common::kafka().is_none() {
            println!("{promise}: passed over, for it needs a real Kafka");
        }
        self.run_on(promise, common::kafka());
    }

    /// On the port that asks who one is, of a Kafka that `make test` started.
    fn run_on_sasl(&self, promise: &str) {
        let servers = std::env::var("KRS_TEST_SASL").ok();
        if servers.is_none() {
            println!("{promise}: passed over, for it needs a Kafka with credentials");
        }
        self.run_on(promise, servers);
    }

    fn run_on(&self, promise: &str, clusters: impl IntoIterator<Item = String>) {
        let program = self.built.get_or_init(|| common::compile(self.source));
        for cluster in clusters {
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

/// What stands after a semicolon needs a real Kafka.
macro_rules! promises {
    ($($program:ident { $($promise:ident,)* $(; $($on_kafka:ident,)*)? })*) => {$(
        mod $program {
            static PROGRAM: super::Program =
                super::Program::new(concat!("tests/c/", stringify!($program), ".c"));
            $(
                #[test]
                fn $promise() {
                    PROGRAM.run(stringify!($promise));
                }
            )*
            $($(
                #[test]
                fn $on_kafka() {
                    PROGRAM.run_on_kafka(stringify!($on_kafka));
                }
            )*)?
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
    sending {
        messages_of_all_shapes_arrive_in_order_in_any_codec,
        what_is_sent_together_waits_no_longer,
        what_was_not_sent_has_no_offset,
        a_batch_holds_as_many_as_it_may_and_the_statistics_count_them,
        ;
        of_refused_records_each_is_told_apart,
        reports_tell_the_time_that_the_broker_chose,
    }
    channels {
        a_channel_holds_as_many_as_its_capacity_in_order,
        receivers_drain_a_closed_channel_first,
        what_is_not_delivered_comes_again,
        closing_wakes_all_who_wait,
        without_capacity_a_send_ends_when_a_receiver_has_it,
        many_threads_select_and_every_message_arrives_once,
        select_is_fair_and_has_a_default_and_a_deadline,
        select_leaves_the_batch_of_a_case_without_a_channel_alone,
        the_descriptor_is_readable_while_there_is_something,
        a_produce_channel_blocks_its_sender_while_the_queue_is_full,
        senders_that_wait_for_room_get_equal_shares,
    }
    consumer {
        every_field_of_a_message_arrives_as_it_was_sent,
        what_was_delivered_is_committed_and_nothing_else,
        a_clean_close_commits_what_was_delivered,
        waiting_on_the_descriptor_is_enough,
        a_group_shares_its_topic,
    }
    positions {
        a_thousand_assignments_of_one_partition_each_give_rows,
        a_seek_is_exact_also_right_after_an_assignment,
        a_refused_seek_leaves_the_partition_alive,
        a_paused_partition_is_silent_and_loses_nothing,
        a_pause_right_after_an_assignment_holds_back_what_comes,
        an_empty_partition_may_be_paused_again_and_again,
        no_stale_row_after_a_seek_or_assignment_of_another_thread,
        position_and_committed_speak_of_what_was_delivered,
        a_commit_takes_nothing_of_a_batch_that_is_out,
        stored_offsets_are_the_applications_if_it_wants,
        a_commit_is_not_undone_by_one_from_before,
        partitions_are_added_and_removed_one_by_one,
        the_cluster_answers,
        ;
        topics_are_made_enlarged_and_deleted,
        a_log_that_is_made_anew_is_read_from_its_beginning,
    }
    rebalance {
        an_application_may_start_where_it_wants,
        what_is_added_beside_a_rebalance_does_not_answer_it,
        an_unknown_topic_does_not_flood,
        ;
        what_the_group_takes_away_cannot_be_assigned,
        a_topic_that_is_made_after_the_subscription_is_read_soon,
        a_deleted_topic_keeps_nobody_from_the_others,
        no_stale_row_across_eager_rebalances,
        no_stale_row_across_cooperative_rebalances,
        no_stale_row_across_rebalances_by_the_broker,
        a_member_that_comes_and_goes_is_not_waited_for,
        a_revoke_comes_within_one_row,
        idle_waits_stay_in_their_group_and_a_stuck_application_leaves_it,
    }
    members {
        a_member_knows_its_id_and_its_topics,
        a_member_that_was_thrown_out_is_told_what_it_lost,
        ;
        a_member_that_slept_too_long_is_told_what_it_lost,
        a_restart_of_a_static_member_is_no_rebalance,
        nobody_waits_for_a_member_that_left,
    }
    records {
        a_batch_is_taken_bit_by_bit_from_anywhere_and_in_any_codec,
        no_more_is_fetched_ahead_than_was_asked_for,
        no_more_is_fetched_ahead_when_a_row_was_taken,
        a_batch_that_is_not_well_formed_gives_no_row_twice,
        ;
        the_time_of_the_broker_is_that_of_each_row,
    }
    figures {
        what_is_held_is_bounded_and_goes_on_as_it_comes_back,
        the_statistics_are_there_as_text_and_as_figures,
        a_producer_whose_broker_is_slow_leaves_the_processor_alone,
    }
    sequence {
        ;
        what_is_acknowledged_is_in_the_log_of_a_topic_made_this_moment,
    }
    stale {
        ;
        no_stale_row_whatever_other_threads_do_in_an_eager_group,
        no_stale_row_whatever_other_threads_do_in_a_cooperative_group,
        no_stale_row_whatever_other_threads_do_where_the_broker_assigns,
    }
    txn {
        transaction_calls_of_many_threads_are_errors_at_worst,
        a_commit_without_time_is_called_again,
        ;
        a_drained_transactional_topic_shows_no_lag,
        an_aborted_transaction_is_never_seen,
        errors_tell_what_to_do,
        read_transform_write_is_exact_across_kills,
        a_kill_skips_nothing_undelivered,
    }
    close {
        close_keeps_its_deadline_with_healthy_brokers,
        close_keeps_its_deadline_with_brokers_that_stopped,
        close_keeps_its_deadline_with_brokers_that_are_gone,
        closing_ends_the_calls_of_eight_threads,
        closing_ends_the_calls_that_wait_for_brokers,
        closing_ends_the_calls_of_a_transaction,
        a_call_of_a_transaction_that_ran_out_of_time_goes_on,
        a_thousand_cycles_leave_nothing_behind,
        a_program_may_end_while_a_client_is_given_back,
    }
    close_states {
        close_keeps_its_deadline_in_mid_rebalance,
        close_keeps_its_deadline_when_the_coordinator_has_gone,
        close_keeps_its_deadline_with_a_commit_in_flight,
        close_keeps_its_deadline_with_an_open_transaction,
        close_keeps_its_deadline_while_the_produce_channel_is_full,
        members_that_had_no_time_to_leave_are_gone_soon,
        ;
        close_keeps_its_deadline_when_a_producer_was_fenced,
        close_keeps_its_deadline_when_a_static_member_was_fenced,
    }
    limits {
        a_thread_that_cannot_be_made_is_an_error,
        memory_that_cannot_be_had_for_a_message_is_an_error,
    }
    fork {
        a_child_is_told_and_can_begin_anew,
    }
    misuse {
        null_is_an_error_that_names_the_argument,
        a_stale_or_wrong_handle_is_told_from_a_live_one,
        a_topic_of_one_producer_is_no_topic_of_another,
        a_long_error_is_cut_at_a_whole_character,
        configuration_reads_back_and_names_what_it_refuses,
        a_secret_is_in_no_error_and_not_read_back,
        a_mock_topic_without_bound_is_refused,
    }
}

mod credentials {
    static PROGRAM: super::Program = super::Program::new("tests/c/credentials.c");

    #[test]
    fn a_password_that_is_set_counts_from_the_next_connection_on() {
        PROGRAM.run_on_sasl("a_password_that_is_set_counts_from_the_next_connection_on");
    }

    #[test]
    fn a_token_is_asked_for_in_time_and_its_failure_is_told() {
        PROGRAM.run_on_sasl("a_token_is_asked_for_in_time_and_its_failure_is_told");
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
