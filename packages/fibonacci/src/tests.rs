//! The process without a node: run by `cargo test`.

use wharf_process_lib::testing::World;

use super::*;

#[test]
fn numbers_up_to_the_last_that_fits() {
    for (place, number) in [(0, 0), (1, 1), (2, 1), (10, 55), (LAST, 12_200_160_415_121_876_738)] {
        assert_eq!(fibonacci(place), number);
    }
}

#[test]
fn whoever_asks_is_answered() {
    let world = World::new();
    let process = world.start("fibonacci:fibonacci:test.os", init);
    let number = |place: u64| process.ask(&serde_json::json!({ "Number": place }));
    assert_eq!(number(10).json::<FibonacciResponse>(), FibonacciResponse::Number(55));
    assert_eq!(number(94).failure().as_deref(), Some("94 is too large: the last number that fits is 93"));
    assert!(process.ask(&"Nonsense").failure().is_some_and(|why| why.contains("unknown variant `Nonsense`")));
}
