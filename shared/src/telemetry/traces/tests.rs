//! Spans without a collector.

use super::*;

#[test]
fn a_context_is_read_and_written_as_it_came() {
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for state in [None, Some("vendor=1,other=2")] {
        let trace = TraceContext::new(text, state).unwrap();
        let place = read(&trace).unwrap();
        assert!(place.is_sampled() && place.is_remote());
        assert_eq!(written(&place), Some(trace));
    }
}

#[test]
fn nothing_is_recorded_where_nothing_is_exported() {
    let name = || panic!("a name is made for what is recorded alone");
    assert!(!enabled());
    assert!(Recording::begin(None, Kind::Internal, name).is_none());
}
