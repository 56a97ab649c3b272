//! What every store must do: one list of cases, run on each store.
//!
//! The cases are the authority on behaviour. A difference between two stores is either a
//! capability, and then a case asks for it by [`shared::store::Capabilities`], or a fault. A fault
//! that is mended starts here with a case that fails.
//!
//! `cargo nextest run -p windlass-tests memory::claim` runs one area on one store.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without ends the test, at the line that says what"
)]

mod cases;

/// The one list of cases. A case that is left out is dead code, and so a warning.
macro_rules! for_each_case {
    ($callback:ident, $backend:ident) => {
        $callback! { $backend
            enqueue:
                an_accepted_job_keeps_everything_it_was_given,
                a_job_is_available_at_once_unless_it_is_due_later,
                enqueueing_again_changes_nothing,
                one_id_twice_in_a_batch_is_one_job,
                one_bad_job_refuses_the_whole_batch,
                an_empty_batch_is_fine,
                bytes_of_every_kind_are_kept,
                the_largest_job_is_kept,
                a_large_batch_keeps_its_order,
                many_are_read_in_the_order_asked;
            unique:
                a_key_is_held_until_the_job_starts,
                a_started_job_does_not_take_its_key_back,
                a_key_is_held_until_the_job_is_finished,
                a_job_that_is_stopped_while_it_waits_lets_go_of_its_key,
                a_job_that_is_stopped_while_it_runs_holds_its_key_until_it_ends,
                a_rescued_job_holds_its_key_until_it_crashed_too_often,
                a_key_is_held_for_its_window_whatever_becomes_of_the_job,
                a_window_outlives_its_job,
                a_window_that_was_taken_anew_is_not_pruned_with_the_old_one,
                the_holder_decides_how_long_the_key_is_held,
                a_key_counts_within_its_queue_and_kind,
                within_one_batch_the_first_wins_and_nobody_else_fails,
                a_repeated_job_is_no_duplicate_of_itself;
            claim:
                jobs_come_in_the_order_of_acceptance,
                a_lower_number_comes_first,
                queues_come_in_the_order_of_the_wants,
                limits_hold,
                skips_paused_queues,
                only_available_jobs_are_handed_out,
                a_claimed_job_brings_everything,
                a_repeated_claim_answers_what_is_still_held,
                an_older_claim_number_answers_nothing,
                a_claim_that_found_nothing_may_be_repeated,
                no_job_is_handed_out_twice,
                the_tokens_of_jobs_differ,
                a_worker_without_a_lease_is_told_and_gets_nothing,
                a_lease_holds_to_its_last_microsecond,
                jobs_that_were_put_off_are_not_starved,
                jobs_that_were_put_off_keep_their_priority,
                a_job_that_is_handed_back_keeps_its_place;
            settle:
                a_completed_job_keeps_its_result,
                a_retry_waits_and_counts,
                a_retry_without_a_wait_is_available_at_once,
                a_snooze_does_not_count_the_attempt,
                a_snooze_may_say_why,
                a_job_that_is_handed_back_lost_nothing,
                a_handler_may_stop_or_discard_its_job,
                a_settle_that_is_repeated_changes_nothing,
                a_completion_that_is_repeated_at_once_is_recognised,
                a_token_that_is_not_held_changes_nothing,
                progress_may_come_with_the_end,
                an_end_without_progress_leaves_what_was_there,
                a_zombie_cannot_end_another_workers_attempt,
                a_settle_after_the_lease_but_before_the_rescue_is_kept,
                items_are_judged_one_by_one_in_their_order,
                a_large_batch_is_settled,
                errors_are_kept_per_attempt_and_the_newest_fifty,
                the_longest_message_is_kept,
                attempts_that_do_not_count_share_a_number;
            lease:
                a_worker_id_is_never_given_out_again,
                a_worker_is_shown_until_its_registration_ends,
                a_heartbeat_renews_the_lease_to_its_last_microsecond,
                a_lease_that_expired_is_lost_before_any_rescue,
                an_unknown_worker_is_told,
                the_last_report_of_progress_wins,
                progress_is_left_to_the_next_attempt_and_after_the_end,
                a_stale_report_of_progress_is_dropped,
                a_worker_is_told_which_of_its_jobs_to_stop_until_they_end,
                who_leaves_hands_back_what_it_holds,
                who_leaves_after_its_lease_still_hands_back,
                a_lease_is_as_long_as_the_last_heartbeat_said;
            rescue:
                a_lease_is_respected_to_its_last_microsecond,
                a_rescued_job_is_available_with_its_crash_counted,
                a_job_that_crashed_too_often_is_discarded,
                the_limit_of_crashes_is_the_callers,
                a_job_that_was_to_be_stopped_is_cancelled,
                a_step_is_bounded_and_the_registration_ends_with_the_last_job,
                the_limit_may_be_nothing_or_as_large_as_can_be,
                a_dead_worker_that_held_nothing_is_struck_off,
                the_living_keep_their_jobs;
            promote:
                a_job_is_due_at_its_instant_and_no_sooner,
                a_job_became_available_when_it_was_promoted,
                a_step_is_bounded_and_the_longest_due_come_first,
                the_limit_may_be_nothing_or_as_large_as_can_be,
                a_promoted_job_keeps_its_priority,
                a_paused_queue_is_promoted_too,
                jobs_that_wait_may_be_run_now,
                jobs_that_do_not_wait_are_left_as_they_are;
            cancel:
                a_job_that_waits_is_cancelled_at_once,
                a_job_that_runs_is_asked_to_stop,
                a_job_that_was_to_be_stopped_runs_no_more,
                items_are_judged_one_by_one;
            queue:
                a_queue_is_known_once_it_has_a_job_or_a_worker,
                a_queue_is_known_for_ever,
                a_queue_tells_what_it_holds,
                the_oldest_job_is_told_as_jobs_come_and_go,
                a_pause_keeps_its_first_time,
                an_unknown_queue_cannot_be_paused,
                what_runs_in_a_paused_queue_runs_on,
                a_duplicate_makes_no_queue_known;
            dead_letters:
                a_dead_letter_is_kept_with_its_body,
                a_new_run_has_the_body_and_starts_afresh,
                crashes_are_not_inherited,
                args_may_be_edited,
                a_new_run_may_be_in_a_trace_of_its_own,
                a_delay_is_not_waited_for_again,
                a_dead_letter_is_replayed_once,
                a_new_run_may_die_and_be_replayed_in_turn,
                only_dead_letters_are_replayed_and_items_are_judged_one_by_one,
                a_new_id_that_is_anothers_is_refused_with_the_whole_call,
                a_new_run_takes_its_key_as_by_an_enqueue,
                the_dead_letters_own_hold_passes_on,
                open_dead_letters_are_those_not_replayed;
            schedule:
                a_definition_is_kept_as_it_was_put,
                putting_again_keeps_the_cursor_unless_it_is_to_rewind,
                a_tick_that_fires_enqueues_its_job,
                a_tick_is_recorded_once_whoever_records_it,
                a_tick_that_is_left_out_says_why,
                a_held_tick_is_recorded_once_more,
                a_schedule_tells_what_its_next_tick_is_judged_by,
                the_cursor_moves_to_a_tick_and_never_back,
                a_tick_whose_key_is_held_names_the_holder,
                a_tick_with_a_bad_job_is_refused_whole,
                an_unknown_schedule_is_told,
                a_removed_schedule_takes_its_ticks_but_not_its_jobs,
                a_schedule_that_is_resumed_starts_from_now,
                ticks_are_listed_newest_first,
                ticks_that_the_next_one_is_judged_by_outlive_the_newest_hundred,
                ticks_of_two_schedules_are_apart;
            leader:
                the_first_candidate_leads,
                a_leader_goes_on_leading,
                another_takes_over_when_the_lease_has_expired,
                a_leader_that_lapsed_begins_a_new_term,
                a_leader_that_resigns_lets_another_start_at_once,
                a_stale_resignation_changes_nothing,
                roles_are_apart;
            buffer:
                entries_wait_in_the_order_they_were_added,
                a_buffer_takes_all_of_a_batch_or_nothing,
                an_entry_is_added_once_delivered_or_not,
                one_entry_twice_in_a_batch_is_one,
                the_same_id_may_wait_for_two_destinations,
                entries_are_resolved_in_any_order_and_once,
                receipts_tell_what_became_of_an_origins_entries,
                receipts_go_with_their_origin,
                receipts_that_hang_on_nothing_go_after_the_longest_retention,
                a_destination_tells_what_waits,
                notes_are_kept_and_the_first_reason_to_disable_stays,
                destinations_are_listed_by_name;
            wakeups:
                whatever_makes_a_job_available_is_hinted_at,
                a_queue_that_is_resumed_is_hinted_at,
                a_job_that_is_put_off_is_hinted_at,
                a_running_job_that_is_to_be_stopped_is_hinted_at,
                a_job_that_ends_is_hinted_at,
                a_listener_that_sleeps_is_told_that_it_missed_something,
                every_listener_is_told;
            list:
                jobs_come_newest_first_in_the_stores_order,
                each_filter_lets_through_what_it_says,
                a_list_tells_what_a_lookup_tells,
                pages_join_without_a_gap_or_a_repetition,
                a_list_goes_on_while_jobs_change,
                a_list_goes_on_when_its_place_was_forgotten,
                a_cursor_of_another_filter_is_refused,
                a_cursor_that_somebody_made_up_does_no_harm,
                a_limit_out_of_range_is_moved_into_it,
                an_empty_store_is_one_empty_page,
                what_is_rare_is_found_behind_much_else;
            counts:
                counts_follow_every_way_an_attempt_ends,
                counts_follow_what_is_refused,
                counts_follow_deaths_and_new_runs,
                counts_follow_promotion_stopping_and_pruning;
            prune:
                each_state_has_its_own_retention,
                what_has_not_ended_is_never_forgotten,
                a_step_is_bounded_and_says_whether_there_is_more,
                the_limit_may_be_nothing_or_as_large_as_can_be,
                an_endless_retention_forgets_nothing,
                all_that_hangs_on_a_job_goes_with_it,
                a_forgotten_job_is_unknown_to_everybody,
                a_dead_letters_retention_counts_from_its_death;
            handle:
                what_one_user_does_another_sees,
                users_at_once_share_the_jobs_out_and_lose_none,
                the_clock_is_the_stores_and_stands_between_calls,
                a_store_says_what_it_can_do,
                a_closed_store_refuses_every_call;
            history:
                every_arrow_of_the_table_is_driven_and_no_other,
                histories_of_jobs_agree_with_the_reference,
                histories_of_few_keys_agree_with_the_reference,
                histories_of_deaths_agree_with_the_reference,
                histories_of_what_is_beside_agree_with_the_reference;
        }
    };
}

/// Writes the tests of one backend: `memory::claim::skips_paused_queues`.
macro_rules! suite {
    ($backend:ident $($area:ident: $($case:ident),+;)+) => {
        mod $backend {
            $(mod $area {
                $(#[test]
                fn $case() {
                    let open = windlass_tests::backends::$backend::open;
                    windlass_tests::run(open, crate::cases::$area::$case);
                })+
            })+
        }
    };
}

// One line per backend.
for_each_case!(suite, memory);
for_each_case!(suite, postgres);
for_each_case!(suite, redis);
for_each_case!(suite, sqlite);
