//! The table and the cache in front of it against a map, with transactions.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;
use wharf_types::kv::KvOrder;

use crate::cache::{Cache, Changes, Key};
use crate::gathered::{Gathered, see};
use crate::table::{self, Range};

/// What is done, over few keys, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, Option<u8>),
    Get(u8),
    Begin,
    TxPut(u8, Option<u8>),
    TxGet(u8),
    Commit,
    RollBack,
    Scan { prefix: Vec<u8>, from: Option<Vec<u8>>, limit: usize, order: KvOrder },
}

fn key(n: u8) -> Vec<u8> {
    // Some are prefixes of others, and some end in the largest byte.
    vec![[0, 7, 255][usize::from(n % 3)]; usize::from(n / 3) + 1]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key_number = 0..12_u8;
    let value = proptest::option::of(any::<u8>());
    let text = (0..12_u8).prop_map(key);
    let order = prop_oneof![Just(KvOrder::Ascending), Just(KvOrder::Descending)];
    let scan = (proptest::option::of(text.clone()), proptest::option::of(text), 1..6_usize, order)
        .prop_map(|(prefix, from, limit, order)| Step::Scan { prefix: prefix.unwrap_or_default(), from, limit, order });
    let step = prop_oneof![
        3 => (key_number.clone(), value.clone()).prop_map(|(key, value)| Step::Put(key, value)),
        3 => key_number.clone().prop_map(Step::Get),
        1 => Just(Step::Begin),
        2 => (key_number.clone(), value).prop_map(|(key, value)| Step::TxPut(key, value)),
        2 => key_number.prop_map(Step::TxGet),
        1 => Just(Step::Commit),
        1 => Just(Step::RollBack),
        2 => scan,
    ];
    proptest::collection::vec(step, 1..80)
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Some keys, and the value of each, or that there is none.
type Values = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What is tested.
struct World {
    connection: Connection,
    cache: Arc<Cache>,
    transaction: Option<Gathered>,
}

impl World {
    fn get(&self, key: &[u8]) -> Option<Arc<Vec<u8>>> {
        match self.cache.get(key) {
            Ok(value) => value,
            Err(began) => {
                let value = table::get(&self.connection, key).unwrap();
                self.cache.fill(key, &value, began);
                value
            }
        }
    }

    fn put(&self, list: Vec<(Key, Option<Arc<Vec<u8>>>)>) {
        let changes = Changes::new(&self.cache, list);
        changes.begin();
        for (key, value) in &changes.list {
            table::put(&self.connection, key, value.as_ref().map(|value| value.as_slice())).unwrap();
        }
        changes.settle(true);
    }
}

/// What it has to be.
#[derive(Default)]
struct Model {
    map: Map,
    /// What the transaction has changed, and what it saw.
    transaction: Option<(Values, Values)>,
}

fn expected_scan(
    map: &Map,
    prefix: &[u8],
    from: Option<&Vec<u8>>,
    limit: usize,
    order: KvOrder,
) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
    let is_in = |key: &&Vec<u8>| {
        let is_behind = |from: &Vec<u8>| if order == KvOrder::Ascending { *key >= from } else { *key <= from };
        key.starts_with(prefix) && from.is_none_or(is_behind)
    };
    let mut keys: Vec<Vec<u8>> = map.keys().filter(is_in).cloned().collect();
    if order == KvOrder::Descending {
        keys.reverse();
    }
    let next = keys.get(limit).cloned();
    keys.truncate(limit);
    (keys, next)
}

fn check(world: &mut World, model: &mut Model, step: Step) {
    match step {
        Step::Put(n, value) => {
            let value = value.map(|byte| vec![byte]);
            world.put(vec![(key(n).into(), value.clone().map(Arc::new))]);
            match value {
                Some(value) => model.map.insert(key(n), value),
                None => model.map.remove(&key(n)),
            };
        }
        Step::Get(n) => assert_eq!(world.get(&key(n)).as_deref(), model.map.get(&key(n))),
        Step::Begin => {
            world.transaction = Some(Gathered::default());
            model.transaction = Some(Default::default());
        }
        Step::TxPut(n, value) => {
            let value = value.map(|byte| vec![byte]);
            if let (Some(gathered), Some((changes, _))) = (&mut world.transaction, &mut model.transaction) {
                gathered.change(key(n).into(), value.clone().map(Arc::new), usize::MAX).unwrap();
                changes.insert(key(n), value);
            }
        }
        Step::TxGet(n) => {
            let committed = world.get(&key(n));
            if let (Some(gathered), Some((changes, seen))) = (&mut world.transaction, &mut model.transaction) {
                match gathered.own(&key(n)) {
                    Some(own) => assert_eq!(own.as_deref(), changes[&key(n)].as_ref()),
                    None => {
                        assert!(!changes.contains_key(&key(n)));
                        let now = model.map.get(&key(n)).cloned();
                        let is_same = *seen.entry(key(n)).or_insert_with(|| now.clone()) == now;
                        let noted = gathered.read(&key(n), committed.as_ref(), usize::MAX).unwrap();
                        assert_eq!(noted.is_ok(), is_same);
                    }
                }
            }
        }
        Step::Commit => {
            if let (Some(gathered), Some((changes, seen))) = (world.transaction.take(), model.transaction.take()) {
                let (reads, list) = gathered.into_parts();
                let current = |key: &Key| table::get(&world.connection, key).unwrap();
                let is_so = reads.iter().all(|(key, seen)| see(current(key).as_ref().map(|v| v.as_slice())) == *seen);
                assert_eq!(is_so, seen.iter().all(|(key, value)| model.map.get(key) == value.as_ref()));
                if is_so {
                    world.put(list);
                    for (key, value) in changes {
                        match value {
                            Some(value) => model.map.insert(key, value),
                            None => model.map.remove(&key),
                        };
                    }
                }
            }
        }
        Step::RollBack => {
            world.transaction = None;
            model.transaction = None;
        }
        Step::Scan { prefix, from, limit, order } => {
            let expected = expected_scan(&model.map, &prefix, from.as_ref(), limit, order);
            let range = Range { prefix, from, order, entries_max: limit, bytes_max: usize::MAX };
            let found = table::scan(&world.connection, &range).unwrap();
            let keys: Vec<Vec<u8>> = found.entries.iter().map(|entry| entry.key.clone()).collect();
            let values: Vec<u8> = keys.iter().flat_map(|key| model.map[key].clone()).collect();
            assert_eq!((keys, found.next), expected);
            assert_eq!(found.values, values);
        }
    }
}

proptest! {
    #[test]
    fn it_is_a_map_with_transactions(steps in steps()) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(table::TABLES).unwrap();
        // Little room, so that keys are forgotten and read again.
        let mut world = World { connection, cache: Arc::new(Cache::new(1_500)), transaction: None };
        let mut model = Model::default();
        for step in steps {
            check(&mut world, &mut model, step);
        }
    }
}

#[test]
fn a_scan_ends_at_its_bytes_and_always_gives_one() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(table::TABLES).unwrap();
    for n in 0..5_u8 {
        table::put(&connection, &[n], Some(&[n; 100])).unwrap();
    }
    let range = |bytes_max| Range { prefix: vec![], from: None, order: KvOrder::Ascending, entries_max: 10, bytes_max };
    let found = table::scan(&connection, &range(250)).unwrap();
    assert_eq!((found.entries.len(), found.next), (2, Some(vec![2])));
    let found = table::scan(&connection, &range(1)).unwrap();
    assert_eq!((found.entries.len(), found.next), (1, Some(vec![1])));
}
