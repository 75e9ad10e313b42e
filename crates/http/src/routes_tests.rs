#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;

const ALIVE: fn(&ProcessId) -> bool = |_| true;

fn address(id: &str) -> Address {
    format!("a.os@{id}").parse().unwrap()
}

fn binding(serves: Serves) -> Binding {
    Binding { audience: Audience::Anyone, origin: Origin::Anywhere, serves }
}

fn routes() -> Routes {
    Routes::new(HttpSettings {
        paths_max: 4,
        path_bytes_max: 64,
        cached_bytes_max: 100,
        node_cached_bytes_max: 150,
        ..Default::default()
    })
}

fn bind(routes: &Routes, id: &str, path: &str) {
    routes.bind(&address(id), path, binding(Serves::Process), ALIVE).unwrap();
}

fn cached(bytes: usize) -> Binding {
    binding(Serves::Cached(Box::new(Cached::plain(vec![0; bytes]))))
}

fn bound_path(routes: &Routes, path: &str) -> Option<String> {
    routes.find(path).map(|found| found.route.bound_path.clone())
}

#[test]
fn paths_are_below_the_id_of_the_process() {
    let routes = routes();
    bind(&routes, "chess:chess:sys", "/games/");
    bind(&routes, "chess:chess:sys", "scores");
    for (path, expected) in [
        ("/chess:chess:sys/games", Some("/chess:chess:sys/games")),
        ("/chess:chess:sys/games/", Some("/chess:chess:sys/games")),
        ("/chess:chess:sys/scores", Some("/chess:chess:sys/scores")),
        ("/chess:chess:sys/other", None),
        ("/chess:chess:sys", None),
        ("/games", None),
        ("/chess:chess:system/games", None),
        ("/", None),
        ("", None),
        ("*", None),
    ] {
        assert_eq!(bound_path(&routes, path).as_deref(), expected, "{path}");
    }
}

#[test]
fn the_root_of_a_process_catches_what_it_did_not_bind() {
    let routes = routes();
    bind(&routes, "chess:chess:sys", "/");
    bind(&routes, "chess:chess:sys", "/games/:id");
    assert_eq!(bound_path(&routes, "/chess:chess:sys").unwrap(), "/chess:chess:sys");
    assert_eq!(bound_path(&routes, "/chess:chess:sys/").unwrap(), "/chess:chess:sys");
    assert_eq!(bound_path(&routes, "/chess:chess:sys/a/b").unwrap(), "/chess:chess:sys");
    assert_eq!(bound_path(&routes, "/chess:chess:sys/games/1").unwrap(), "/chess:chess:sys/games/:id");
    assert_eq!(bound_path(&routes, "/chess:chess:sys/games/1/2").unwrap(), "/chess:chess:sys");
}

#[test]
fn the_homepage_binds_the_site() {
    let routes = routes();
    bind(&routes, "homepage:homepage:sys", "/");
    bind(&routes, "homepage:homepage:sys", "/icons");
    bind(&routes, "chess:chess:sys", "/games");
    for (path, expected) in [
        ("/", Some("")),
        ("", Some("")),
        ("/icons", Some("/icons")),
        ("/icons/a/b", Some("/icons")),
        ("/other", None),
        ("//icons", None),
        // Below the id of a process that bound anything, the homepage has nothing to say.
        ("/chess:chess:sys/other", None),
    ] {
        assert_eq!(bound_path(&routes, path).as_deref(), expected, "{path}");
    }
}

#[test]
fn only_the_whole_id_makes_the_homepage() {
    let routes = routes();
    bind(&routes, "homepage:homepage:evil.os", "/");
    assert!(routes.find("/").is_none());
    assert!(routes.find("/homepage:homepage:evil.os").is_some());
}

#[test]
fn the_more_specific_path_wins() {
    let routes = routes();
    for path in ["/a/*rest", "/a/:one", "/a/b"] {
        bind(&routes, "x:y:z", path);
    }
    for (path, expected, params) in [
        ("/x:y:z/a/b", "/x:y:z/a/b", vec![]),
        ("/x:y:z/a/c", "/x:y:z/a/:one", vec![("one", "c")]),
        ("/x:y:z/a/c/d", "/x:y:z/a/*rest", vec![("rest", "c/d")]),
    ] {
        let found = routes.find(path).unwrap();
        assert_eq!(found.route.bound_path, expected);
        assert_eq!(found.params().collect::<Vec<_>>(), params);
    }
}

#[test]
fn an_unbound_path_does_not_fall_back() {
    let routes = routes();
    bind(&routes, "x:y:z", "/");
    bind(&routes, "x:y:z", "/a");
    routes.bind(&address("x:y:z"), "/a", binding(Serves::Nothing), ALIVE).unwrap();
    let found = routes.find("/x:y:z/a").unwrap();
    assert_eq!(found.route.bound_path, "/x:y:z/a");
    assert!(matches!(found.route.binding.serves, Serves::Nothing));
    bind(&routes, "x:y:z", "/a");
    assert!(matches!(routes.find("/x:y:z/a").unwrap().route.binding.serves, Serves::Process));
}

#[test]
fn paths_that_match_the_same_conflict_and_change_nothing() {
    let routes = routes();
    bind(&routes, "x:y:z", "/:a");
    let refused = routes.bind(&address("x:y:z"), "/:b", binding(Serves::Process), ALIVE);
    assert_eq!(refused, Err(BindError::Conflict { path: "/:b".into() }));
    assert_eq!(bound_path(&routes, "/x:y:z/1").unwrap(), "/x:y:z/:a");
}

#[test]
fn bounds_hold_and_change_nothing() {
    let routes = routes();
    let owner = address("x:y:z");
    let long = routes.bind(&owner, &"a".repeat(65), binding(Serves::Process), ALIVE);
    assert_eq!(long, Err(BindError::PathTooLong { bytes: 65, bytes_max: 64 }));
    for path in ["/1", "/2", "/3", "/4", "/4"] {
        bind(&routes, "x:y:z", path);
    }
    let fifth = routes.bind(&owner, "/5", binding(Serves::Process), ALIVE);
    assert_eq!(fifth, Err(BindError::TooManyPaths { path: "/5".into(), paths_max: 4 }));
    assert!(routes.find("/x:y:z/5").is_none());
    routes.bind(&owner, "/1", cached(60), ALIVE).unwrap();
    assert!(matches!(
        routes.bind(&owner, "/2", cached(41), ALIVE),
        Err(BindError::TooMuchCached { whose: "the process", .. })
    ));
    // In place of what was there, it fits.
    routes.bind(&owner, "/1", cached(100), ALIVE).unwrap();
    let other = routes.bind(&address("other:y:z"), "/", cached(51), ALIVE);
    assert!(matches!(other, Err(BindError::TooMuchCached { whose: "the node", .. })));
    assert!(routes.find("/other:y:z").is_none());
}

#[test]
fn what_the_dead_bound_is_forgotten() {
    let routes = routes();
    bind(&routes, "x:y:z", "/");
    bind(&routes, "w:y:z", "/");
    let x: ProcessId = "x:y:z".parse().unwrap();
    routes.prune(&x, ALIVE);
    assert!(routes.find("/x:y:z").is_some(), "it lives again");
    routes.prune(&x, |_| false);
    assert!(routes.find("/x:y:z").is_none());
    assert!(routes.find("/w:y:z").is_some());
    let w: ProcessId = "w:y:z".parse().unwrap();
    routes.bind(&address("x:y:z"), "/", binding(Serves::Process), |id| *id != w).unwrap();
    assert!(routes.find("/w:y:z").is_none(), "a newcomer clears the table of the dead");
}
