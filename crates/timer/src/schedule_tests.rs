#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000;
/// 2026-01-01T00:00:00Z
const NEW_YEAR: u64 = 1_767_225_600_000;

fn owner(name: &str) -> Owner {
    Owner { process: format!("{name}:a:b.os").parse().unwrap(), timers_max: 3, body_bytes_max: 4 }
}

fn everyone(_: &ProcessId) -> bool {
    true
}

fn set(schedule: &mut Schedule, name: &str, id: &str, when: When) -> Result<(), Refused> {
    schedule.set(&owner(name), id.to_owned(), when, Vec::new(), 5)
}

#[test]
fn the_first_that_is_due_comes_first_and_once() {
    let mut schedule = Schedule::default();
    set(&mut schedule, "p", "late", When::At(NEW_YEAR + 2 * SECOND)).unwrap();
    set(&mut schedule, "q", "early", When::At(NEW_YEAR + SECOND)).unwrap();
    assert_eq!(schedule.next(everyone), Some(NEW_YEAR + SECOND));
    assert!(schedule.due(NEW_YEAR + SECOND - 1, everyone).is_none());
    let (key, _) = schedule.due(NEW_YEAR + 9 * SECOND, everyone).unwrap();
    assert_eq!(key.1, "early");
    schedule.fired(&key, NEW_YEAR + 9 * SECOND);
    assert_eq!(schedule.due(NEW_YEAR + 9 * SECOND, everyone).unwrap().0.1, "late");
    // One that cannot be sent holds up nobody else.
    set(&mut schedule, "q", "later", When::At(NEW_YEAR + 3 * SECOND)).unwrap();
    let held_up = owner("p").process;
    assert_eq!(schedule.due(NEW_YEAR + 9 * SECOND, |process| *process != held_up).unwrap().0.1, "later");
}

#[test]
fn of_the_times_that_were_missed_one_is_fired() {
    let mut schedule = Schedule::default();
    set(&mut schedule, "p", "tick", When::every("* * * * * *", NEW_YEAR).unwrap()).unwrap();
    let late = NEW_YEAR + 1_000 * SECOND + 1;
    let (key, timer) = schedule.due(late, everyone).unwrap();
    assert_eq!(timer.next_unix_ms, NEW_YEAR + SECOND);
    schedule.fired(&key, late);
    assert!(schedule.due(late, everyone).is_none());
    assert_eq!(schedule.next(everyone), Some(NEW_YEAR + 1_001 * SECOND));
    // A clock that is set back does not make a time come twice.
    let (key, _) = schedule.due(NEW_YEAR + 1_001 * SECOND, everyone).unwrap();
    schedule.fired(&key, NEW_YEAR);
    assert_eq!(schedule.next(everyone), Some(NEW_YEAR + 1_002 * SECOND));
}

#[test]
fn bounds_hold_and_replacing_needs_no_room() {
    let mut schedule = Schedule::default();
    for id in ["1", "2", "3"] {
        set(&mut schedule, "p", id, When::At(1)).unwrap();
    }
    assert_eq!(set(&mut schedule, "p", "4", When::At(1)), Err(Refused::Limit(Full::Process(3))));
    set(&mut schedule, "p", "3", When::At(2)).unwrap();
    for id in ["1", "2"] {
        set(&mut schedule, "q", id, When::At(1)).unwrap();
    }
    assert_eq!(set(&mut schedule, "q", "3", When::At(1)), Err(Refused::Limit(Full::Node(5))));
    let large = schedule.set(&owner("p"), "3".into(), When::At(1), vec![0; 5], 5);
    assert_eq!(large, Err(Refused::Limit(Full::Body(4))));
    for id in ["", &"x".repeat(ID_BYTES_MAX + 1)] {
        let refused = set(&mut schedule, "p", id, When::At(1));
        assert_eq!(refused, Err(Refused::Other(TimerError::BadId { max: ID_BYTES_MAX })));
    }
    let never = When::every("0 0 31 2 *", NEW_YEAR);
    assert!(matches!(never, Err(TimerError::BadCron { .. })), "{never:?}");
    assert!(schedule.remove_all(&owner("p").process) && !schedule.remove_all(&owner("p").process));
    assert_eq!((schedule.len(), schedule.list(&owner("q").process).len()), (2, 2));
}

proptest! {
    #[test]
    fn what_is_saved_is_what_comes_back(
        timers in proptest::collection::btree_map(
            ("[a-c]", "[\\PC]{1,8}"), (any::<u64>(), any::<Option<u8>>(), any::<Vec<u8>>()), 0..8,
        ),
    ) {
        let mut schedule = Schedule::default();
        for ((name, id), (next, minute, body)) in timers {
            let cron = minute.map(|minute| Cron::parse(&format!("{} * * * *", minute % 60)).unwrap());
            schedule.put((owner(&name).process, id), Timer { cron, next_unix_ms: next, body });
        }
        let bytes = crate::saved::write(&schedule);
        let read = crate::saved::read(&bytes).unwrap();
        prop_assert_eq!(&read.order, &schedule.order);
        prop_assert_eq!(crate::saved::write(&read), bytes.clone());
        // The order has each timer once.
        prop_assert_eq!(read.order.len(), read.timers.len());
        for cut in 0..bytes.len() {
            prop_assert!(crate::saved::read(bytes.get(..cut).unwrap()).is_err());
        }
    }
}

#[test]
fn a_newer_version_is_refused() {
    let newer = crate::saved::read(br#"{"version":2,"timers":"something else"}"#);
    assert!(matches!(newer, Err(crate::saved::LoadError::Version(2))), "{newer:?}");
}
