//! Process table, capabilities and store against a simple model of them.
//!
//! * `steps`: what is done.
//! * `reference`: what should come of it. Maps, and holdings that are never forgotten.
//! * `node`: what comes of it.
//!
//! A case that fails is made smaller and printed as the list of its steps. More cases than the usual ones are run with
//! `PROPTEST_CASES`.

mod node;
mod reference;
mod steps;

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use node::Node;
use reference::Model;
use steps::{Transition, transitions};

const CASES: u32 = 10_000;

fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig { cases: CASES, ..config },
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Self> {
        let mut model = Self::new();
        for transition in Transition::first() {
            model.apply(&transition);
        }
        Just(model).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Transition> {
        transitions()
    }

    fn apply(mut state: Self, transition: &Transition) -> Self {
        state.apply(transition);
        state
    }
}

impl StateMachineTest for Node {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let (mut node, mut model) = (Self::new(), Model::new());
        for transition in Transition::first() {
            model.apply(&transition);
            node.apply(&transition, &model);
        }
        node
    }

    fn apply(mut node: Self, model: &Model, transition: Transition) -> Self {
        node.apply(&transition, model);
        node
    }

    fn check_invariants(node: &Self, model: &Model) {
        node.compare(model);
    }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn s25_a_kernel_does_what_its_model_does(sequential 1..40 => Node);
}
