//! Logging in: passwords, sessions, links, subdomains.

use serde_json::{Value, json};
use wharf_types::login::{LOGIN_CONTROL_PATH, LoginReply, SessionInfo};

use super::world::{Reply, TOKEN, World, gate};
use crate::{GateParts, HttpSettings, LoginSettings, Origins};

const PASSWORD: &str = "correct horse";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const HTML: (&str, &str) = ("Accept", "text/html,*/*");

async fn control(world: &World, command: Value) -> Reply {
    let bearer = format!("Bearer {TOKEN}");
    let body = command.to_string();
    world.send("POST", LOGIN_CONTROL_PATH, &[("Authorization", &bearer), JSON], body.as_bytes()).await
}

async fn commanded(world: &World, command: Value) -> LoginReply {
    let reply = control(world, command).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    serde_json::from_slice(&reply.body).unwrap()
}

async fn sessions(world: &World) -> Vec<SessionInfo> {
    match commanded(world, json!("Sessions")).await {
        LoginReply::Sessions(sessions) => sessions,
        other => unreachable!("{other:?}"),
    }
}

async fn link(world: &World, process: Option<&str>) -> String {
    match commanded(world, json!({"Link": {"process": process}})).await {
        LoginReply::Link { path, .. } => path,
        other => unreachable!("{other:?}"),
    }
}

/// A node with a password, and a process with paths.
async fn world_with(change: impl FnOnce(&mut GateParts)) -> World {
    let mut parts = gate();
    change(&mut parts);
    world_of(HttpSettings::default(), parts).await
}

pub(super) async fn world_of(settings: HttpSettings, gate: GateParts) -> World {
    let world = World::with(settings, gate, None).await;
    world.bind("/open").await;
    world.bind_as("/mine", "owner").await;
    assert_eq!(world.act(json!({"SecureBind": {"path": "/safe", "cache": false}}), None).await.0, r#"{"Ok":null}"#);
    commanded(&world, json!({"SetPassword": {"password": PASSWORD}})).await;
    world
}

pub(super) async fn world() -> World {
    world_with(|_| ()).await
}

async fn try_password(world: &World, password: &str, headers: &[(&str, &str)]) -> Reply {
    let body = json!({ "password": password }).to_string();
    world.send("POST", "/login", &[headers, &[JSON]].concat(), body.as_bytes()).await
}

/// The cookie, as a browser sends it back.
fn cookie(reply: &Reply) -> String {
    reply.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

pub(super) async fn log_in(world: &World) -> String {
    let reply = try_password(world, PASSWORD, &[]).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    cookie(&reply)
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

const MINE: &str = "/web:distro:sys/mine";
const SAFE: &str = "/web:distro:sys/safe";

#[tokio::test]
async fn browsers_are_led_to_the_page_and_back_and_programs_are_told() {
    let world = world().await;
    let visit = world.ask("GET", &format!("{MINE}?a=b&c"), &[HTML]).await;
    assert_eq!(visit.status, 303);
    let login = visit.headers["location"].clone();
    assert_eq!(login, "/login?redirect=/web:distro:sys/mine%3Fa%3Db%26c");
    let page = world.ask("GET", &login, &[HTML]).await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].contains("default-src 'none'"));
    assert!(text(&page).contains("value=\"/web:distro:sys/mine?a=b&amp;c\""), "{}", text(&page));

    let body = "password=correct+horse&redirect=%2Fweb%3Adistro%3Asys%2Fmine%3Fa%3Db%26c";
    let done = world.send("POST", "/login", &[FORM, HTML], body.as_bytes()).await;
    assert_eq!((done.status, done.headers["location"].as_str()), (303, "/web:distro:sys/mine?a=b&c"));
    let cookie = cookie(&done);
    assert_eq!(world.ask("GET", MINE, &[("Cookie", &cookie)]).await.status, 200);

    for (method, headers) in [("GET", &[][..]), ("POST", &[HTML])] {
        let refused = world.ask(method, MINE, headers).await;
        assert_eq!(refused.status, 401);
        assert!(refused.json()["error"].as_str().unwrap().contains("log in at `/login`"));
    }
    assert_eq!(world.received(), 1);
}

/// S19: nothing but what the node gave out is a session, and it does not keep what it gave out.
#[tokio::test]
async fn s19_sessions_cannot_be_made_up() {
    let world = world().await;
    let good = log_in(&world).await;
    let (name, secret) = good.split_once('=').unwrap();
    assert_eq!(secret.len(), 64);
    let id = sessions(&world).await[0].id.clone();
    let other = if secret.starts_with('0') { "1" } else { "0" };
    for bad in [String::new(), "0".repeat(64), format!("{other}{}", &secret[1..]), secret.to_uppercase() + "0", id] {
        let cookie = format!("{name}={bad}");
        assert_eq!(world.ask("GET", MINE, &[("Cookie", &cookie)]).await.status, 401, "{bad}");
    }
    let other_node = good.replace("a.os", "b.os");
    assert_eq!(world.ask("GET", MINE, &[("Cookie", &other_node)]).await.status, 401);
    assert_eq!(world.ask("GET", MINE, &[("Cookie", &format!("{name}=x; {good}"))]).await.status, 200);
}

/// S21: flags are attributes of the cookie, and processes never see it.
#[tokio::test]
async fn s21_the_cookie_is_for_the_node_alone() {
    let world = world().await;
    let reply = try_password(&world, PASSWORD, &[]).await;
    let set = &reply.headers["set-cookie"];
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Domain") && !reply.headers.contains_key("httponly"));
    let cookie = format!("a=b; {}", cookie(&reply));
    for path in [MINE, "/web:distro:sys/open"] {
        let seen = world.ask("GET", path, &[("Cookie", &cookie)]).await.json();
        assert_eq!(seen["request"]["Http"]["headers"]["cookie"], "a=b", "{path}");
    }
}

/// S22: a login tells nothing but that it worked, and cannot be tried for ever.
#[tokio::test]
async fn s22_passwords_are_tried_a_few_times() {
    let world =
        world_with(|parts| parts.login = LoginSettings { address_attempts_per_minute: 3, ..Default::default() }).await;
    let good = try_password(&world, PASSWORD, &[]).await;
    assert_eq!((good.status, text(&good).as_str()), (200, "{\"redirect\":\"/\"}"));
    for _ in 0..3 {
        let wrong = try_password(&world, "wrong horse", &[]).await;
        assert_eq!(wrong.status, 401);
        assert!(!wrong.headers.contains_key("set-cookie"));
    }
    let refused = try_password(&world, PASSWORD, &[]).await;
    assert_eq!(refused.status, 429);
    assert!(refused.headers["retry-after"].parse::<u64>().unwrap() <= 60);
    // Forwarding headers of strangers give nobody more.
    assert_eq!(try_password(&world, PASSWORD, &[("X-Forwarded-For", "9.9.9.9")]).await.status, 429);
    // The owner comes in by another way.
    let path = link(&world, None).await;
    assert_eq!(world.ask("GET", &path, &[HTML]).await.status, 200);
}

/// C9, S22: whatever is asked for afterwards, and with whatever `Host`.
#[tokio::test]
async fn c9_a_redirect_leads_nowhere_else_and_ends_nothing() {
    let world = world_with(|parts| parts.login.address_attempts_per_minute = 100).await;
    for redirect in [
        "//evil.example",
        "https://evil.example/",
        "/%0d%0aSet-Cookie:%20x=y",
        "/%5Cevil.example",
        "%00",
        "%FF",
        "/%09/evil.example",
    ] {
        let body = format!("password=correct+horse&redirect={redirect}");
        let reply = world.send("POST", "/login", &[FORM, HTML], body.as_bytes()).await;
        assert_eq!((reply.status, reply.headers["location"].as_str()), (303, "/"), "{redirect}");
    }
    let body = b"password=correct+horse&redirect=%2Fx";
    let head = "POST /login HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 35\r\n\r\n";
    assert_eq!(body.len(), 35 + 1);
    let no_host = world.raw(&[head.as_bytes(), body].concat()).await;
    assert_eq!(no_host.status, 421);
    for host in ["", "a b", "\u{7f}", "evil.example", "localhost:99999", "[::1"] {
        let reply = world.send("POST", "/login", &[FORM, ("Host", host)], body).await;
        assert!(matches!(reply.status, 400 | 421), "{host:?}: {}", reply.status);
    }
    log_in(&world).await;
}

/// S5: a name that anyone may point at this machine opens nothing that is the owner's, even with a session.
#[tokio::test]
async fn s5_the_owners_paths_are_served_by_names_of_the_node() {
    let world = world().await;
    let cookie = log_in(&world).await;
    for (host, status) in [
        ("localhost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("node.example", 200),
        ("evil.example:8080", 421),
        ("localhost.evil.example", 421),
        ("x.y.node.example", 421),
    ] {
        assert_eq!(world.ask("GET", MINE, &[("Host", host), ("Cookie", &cookie)]).await.status, status, "{host}");
        let page = world.ask("GET", "/login", &[("Host", host), HTML]).await;
        assert_eq!(page.status, if status == 200 { 200 } else { 421 }, "{host}");
    }
}

/// A page of another site cannot use a session, nor one on a subdomain.
#[tokio::test]
async fn pages_of_other_sites_cannot_use_a_session() {
    let world = world().await;
    let cookie = log_in(&world).await;
    let cookie = ("Cookie", cookie.as_str());
    for page in
        [("Origin", "http://evil.example"), ("Origin", "http://x.localhost:8080"), ("Sec-Fetch-Site", "same-site")]
    {
        for (method, path) in [("POST", MINE), ("GET", MINE), ("POST", "/logout")] {
            assert_eq!(world.ask(method, path, &[cookie, page]).await.status, 403, "{method} {path} {page:?}");
        }
        assert_eq!(try_password(&world, PASSWORD, &[page]).await.status, 403, "{page:?}");
    }
    assert_eq!(world.received(), 0);
    assert_eq!(world.ask("POST", MINE, &[cookie, ("Origin", "http://localhost:8080")]).await.status, 200);
}

/// Whoever comes from another site's link is logged in all the same: the page sends the browser around once.
#[tokio::test]
async fn a_link_from_elsewhere_works() {
    let world = world().await;
    let cross = ("Sec-Fetch-Site", "cross-site");
    let visit = world.ask("GET", MINE, &[HTML, cross]).await;
    let around = world.ask("GET", &visit.headers["location"], &[HTML, cross]).await;
    assert!(text(&around).contains("url=/login?again=1&amp;redirect=/web:distro:sys/mine"), "{}", text(&around));
    let cookie = log_in(&world).await;
    let path = "/login?again=1&redirect=/web:distro:sys/mine";
    let back = world.ask("GET", path, &[HTML, ("Sec-Fetch-Site", "same-origin"), ("Cookie", &cookie)]).await;
    assert_eq!((back.status, back.headers["location"].as_str()), (303, MINE));
    // Not for ever.
    let page = world.ask("GET", path, &[HTML, cross]).await;
    assert!(text(&page).contains("type=\"password\""));
}

#[tokio::test]
async fn the_first_password_is_chosen_with_a_link_only() {
    let world = World::new(HttpSettings::default()).await;
    assert!(text(&world.ask("GET", "/login", &[HTML]).await).contains("wharf login-link"));
    assert_eq!(try_password(&world, PASSWORD, &[]).await.status, 409);
    let made_up = json!({"password": PASSWORD, "link": "0".repeat(64)}).to_string();
    assert_eq!(world.send("POST", "/login", &[JSON], made_up.as_bytes()).await.status, 401);

    let path = link(&world, None).await;
    let page = text(&world.ask("GET", &path, &[HTML]).await);
    assert!(page.contains("new-password"), "{page}");
    let secret = path.split_once("link=").unwrap().1;
    let choose = |password: &str| json!({"password": password, "link": secret}).to_string();
    assert_eq!(world.send("POST", "/login", &[JSON], choose("short").as_bytes()).await.status, 400);
    let done = world.send("POST", "/login", &[JSON], choose(PASSWORD).as_bytes()).await;
    assert_eq!(done.status, 200);
    assert_eq!(world.send("POST", "/login", &[JSON], choose("another horse").as_bytes()).await.status, 401);
    log_in(&world).await;

    // Later ones log in, once, and change nothing; looking at one does not use it up.
    let path = link(&world, None).await;
    for _ in 0..2 {
        assert_eq!(world.ask("GET", &path, &[HTML]).await.status, 200);
    }
    let body = path.split_once('?').unwrap().1.to_owned() + "&password=evil+horse";
    let done = world.send("POST", "/login", &[FORM, HTML], body.as_bytes()).await;
    assert!(done.headers.contains_key("set-cookie"));
    assert_eq!(world.send("POST", "/login", &[FORM, HTML], body.as_bytes()).await.status, 401);
    assert_eq!(world.ask("GET", &path, &[HTML]).await.status, 403);
    assert_eq!(try_password(&world, "evil horse", &[]).await.status, 401);
    log_in(&world).await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = world_with(|parts| parts.login.sessions_max = 2).await;
    let (a, b) = (log_in(&world).await, log_in(&world).await);
    let listed = sessions(&world).await;
    assert_eq!((listed.len(), listed[0].from.as_str()), (2, "127.0.0.1"));
    assert!(!a.contains(&listed[0].id) && !b.contains(&listed[0].id));
    let status = async |cookie: &str| world.ask("GET", MINE, &[("Cookie", cookie)]).await.status;
    assert_eq!((status(&a).await, status(&b).await), (200, 200));

    for listed in &listed {
        assert_eq!(commanded(&world, json!({"End": {"id": listed.id}})).await, LoginReply::Ended { ended: 1 });
    }
    assert_eq!((status(&a).await, status(&b).await), (401, 401));
    assert_eq!(control(&world, json!({"End": {"id": listed[0].id}})).await.status, 404);

    let c = log_in(&world).await;
    let out = world.ask("POST", "/logout", &[("Cookie", &c)]).await;
    assert_eq!(out.status, 200);
    assert!(out.headers["set-cookie"].contains("Max-Age=0"));
    assert_eq!(status(&c).await, 401);
    assert_eq!(world.ask("GET", "/logout", &[("Cookie", &c)]).await.status, 405);

    let d = log_in(&world).await;
    assert_eq!(
        commanded(&world, json!({"SetPassword": {"password": "battery staple"}})).await,
        LoginReply::PasswordSet { ended: 1 }
    );
    assert_eq!((status(&d).await, try_password(&world, PASSWORD, &[]).await.status), (401, 401));
    for _ in 0..3 {
        assert_eq!(try_password(&world, "battery staple", &[]).await.status, 200);
    }
    assert_eq!(sessions(&world).await.len(), 2);
    assert_eq!(commanded(&world, json!("EndAll")).await, LoginReply::Ended { ended: 2 });
}

#[tokio::test]
async fn only_the_owners_tools_command_logins() {
    let world = world().await;
    let body = json!({"SetPassword": {"password": "evil horse"}}).to_string();
    let bearer = format!("Bearer {TOKEN}");
    let cookie = log_in(&world).await;
    let token = ("Authorization", bearer.as_str());
    for (headers, status) in [
        (&[JSON][..], 401),
        (&[JSON, ("Cookie", cookie.as_str())], 401),
        (&[JSON, token, ("Origin", "http://localhost:8080")], 403),
        (&[JSON, token, ("Host", "evil.example")], 403),
        (&[JSON, token, ("X-Forwarded-For", "1.2.3.4")], 403),
        (&[FORM, token], 415),
    ] {
        let reply = world.send("POST", LOGIN_CONTROL_PATH, headers, body.as_bytes()).await;
        assert_eq!(reply.status, status, "{headers:?}");
    }
    assert_eq!(world.ask("GET", LOGIN_CONTROL_PATH, &[token]).await.status, 405);
    assert_eq!(control(&world, json!("Nonsense")).await.status, 400);
    assert_eq!(control(&world, json!({"SetPassword": {"password": "short"}})).await.status, 400);
    log_in(&world).await;
}

/// S23: an app that asks for it has an origin of its own; a session of one is none of another, nor of the node.
#[tokio::test]
async fn s23_secure_paths_have_a_subdomain_with_sessions_of_its_own() {
    let world = world().await;
    let cookie = log_in(&world).await;
    let own = ("Cookie", cookie.as_str());
    let led = world.ask("GET", &format!("{SAFE}?a=b"), &[own, HTML]).await;
    assert_eq!(
        (led.status, led.headers["location"].as_str()),
        (307, "http://distro-sys.localhost:8080/web:distro:sys/safe?a=b")
    );
    let by_name = world.ask("GET", SAFE, &[("Host", "node.example")]).await;
    assert_eq!(by_name.headers["location"], "http://distro-sys.node.example/web:distro:sys/safe");

    let there = ("Host", "distro-sys.localhost:8080");
    let to_login = world.ask("GET", SAFE, &[there, own, HTML]).await;
    assert_eq!(to_login.status, 303);
    let login = to_login.headers["location"].strip_prefix("http://localhost:8080").unwrap();
    assert_eq!(login, "/login?to=distro-sys&redirect=/web:distro:sys/safe");
    let enter = world.ask("GET", login, &[own, HTML]).await;
    assert_eq!(enter.status, 303);
    let enter = enter.headers["location"].strip_prefix("http://distro-sys.localhost:8080").unwrap().to_owned();
    // The way is for that subdomain, and for once.
    assert_eq!(world.ask("GET", &enter, &[("Host", "other-sys.localhost:8080")]).await.status, 403);
    let entered = world.ask("GET", &enter, &[there]).await;
    assert_eq!((entered.status, entered.headers["location"].as_str()), (303, SAFE));
    assert!(entered.headers["set-cookie"].contains("HttpOnly; SameSite=Lax"));
    assert_eq!(world.ask("GET", &enter, &[there]).await.status, 403);

    let theirs = self::cookie(&entered);
    let theirs = ("Cookie", theirs.as_str());
    assert_eq!(world.ask("GET", SAFE, &[there, theirs]).await.status, 200);
    assert_eq!(world.ask("GET", MINE, &[there, theirs]).await.status, 200);
    assert_eq!(world.ask("GET", SAFE, &[there, own]).await.status, 401);
    assert_eq!(world.ask("GET", MINE, &[theirs]).await.status, 401);
    let elsewhere = ("Host", "other-sys.localhost:8080");
    assert_eq!(world.ask("GET", SAFE, &[elsewhere, theirs]).await.status, 404);
    // The password is typed at the node's own name.
    assert_eq!(try_password(&world, PASSWORD, &[there]).await.status, 405);
    assert_eq!(world.ask("GET", "/login", &[there, HTML]).await.status, 303);
    // It ends with the session that it comes from.
    assert_eq!(world.ask("POST", "/logout", &[own]).await.status, 200);
    assert_eq!(world.ask("GET", SAFE, &[there, theirs]).await.status, 401);
}

/// S23: a label of nobody gets no session, wherever it may lead.
#[tokio::test]
async fn s23_nobody_is_sent_to_a_subdomain_of_nobody() {
    let world = world().await;
    let cookie = log_in(&world).await;
    for to in ["evil", "other-sys", "distro-sys.evil.example", "distro-sys%0d%0a", "distro-sys%2F", "localhost"] {
        let reply = world.ask("GET", &format!("/login?to={to}&redirect=/x"), &[("Cookie", &cookie), HTML]).await;
        assert_eq!((reply.status, reply.headers["location"].as_str()), (303, "/x"), "{to}");
    }
}

/// Untrusted pages are kept off the node's own origin, each process on one of its own.
#[tokio::test]
async fn each_process_has_an_origin_of_its_own_where_the_owner_wants_that() {
    let world = world_with(|parts| parts.login.origins = Origins::Own).await;
    for path in ["/web:distro:sys/open", MINE, SAFE] {
        let led = world.ask("GET", path, &[HTML]).await;
        assert_eq!(led.status, 307, "{path}");
        let to = led.headers["location"].strip_prefix("http://").unwrap();
        let (host, rest) = to.split_once('/').unwrap();
        let label = host.strip_suffix(".localhost:8080").unwrap();
        assert!(label.len() == 27 && !label.contains("web") && !label.contains('-'), "{label}");
        assert_eq!(format!("/{rest}"), path);
    }
    let led = world.ask("GET", "/web:distro:sys/open", &[("Host", "127.0.0.1:8080")]).await;
    let host = led.headers["location"].strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    assert_eq!(world.ask("GET", "/web:distro:sys/open", &[("Host", &host)]).await.status, 200);
    assert_eq!(world.ask("GET", MINE, &[("Host", &host)]).await.status, 401);
    // Tools with the token are not sent around.
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(world.ask("GET", MINE, &[("Authorization", &bearer)]).await.status, 200);
    // A link leads right there.
    let path = link(&world, Some("web:distro:sys")).await;
    assert!(path.contains(host.strip_suffix(".localhost:8080").unwrap()), "{path}");
    let body = path.split_once('?').unwrap().1;
    let done = world.send("POST", "/login", &[FORM, HTML], body.as_bytes()).await;
    assert_eq!(done.status, 200);
    assert!(text(&done).contains("url=/login?to="), "{}", text(&done));
}

/// S6: what proxies say counts only of those that the owner trusts, and never makes a request local.
#[tokio::test]
async fn s6_a_trusted_proxy_says_who_asks_and_how() {
    let world = world_with(|parts| {
        parts.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        parts.login.address_attempts_per_minute = 1;
    })
    .await;
    world.bind_as("/here", "local").await;
    let said = [("Host", "node.example"), ("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-Proto", "https")];
    let reply = try_password(&world, PASSWORD, &said).await;
    let set = &reply.headers["set-cookie"];
    assert!(set.starts_with("__Host-") && set.contains("; Secure"), "{set}");
    assert_eq!(sessions(&world).await[0].from, "9.9.9.9");
    let seen = world.ask("GET", "/web:distro:sys/open", &said).await.json();
    assert_eq!(seen["request"]["Http"]["source_socket_addr"], "9.9.9.9:0");
    assert_eq!(world.ask("GET", "/web:distro:sys/here", &[("X-Forwarded-For", "127.0.0.1")]).await.status, 403);
    // One client's wrong passwords are not another's.
    let from = |ip| [("Host", "node.example"), ("X-Forwarded-For", ip)];
    assert_eq!(try_password(&world, "wrong horse", &from("8.8.8.8")).await.status, 401);
    assert_eq!(try_password(&world, "wrong horse", &from("8.8.8.8")).await.status, 429);
    assert_eq!(try_password(&world, "wrong horse", &from("7.7.7.7")).await.status, 401);
}

#[tokio::test]
async fn what_is_sent_to_log_in_has_a_form_and_a_bound() {
    let world = world().await;
    let plain = [("Content-Type", "text/plain")];
    assert_eq!(world.send("POST", "/login", &plain, b"password=correct+horse").await.status, 415);
    assert_eq!(world.send("POST", "/login", &[JSON], b"{").await.status, 400);
    assert_eq!(world.send("POST", "/login", &[JSON], &[b' '; 20 << 10]).await.status, 413);
    assert_eq!(world.ask("PUT", "/login", &[]).await.status, 405);
    assert_eq!(world.ask("GET", "/login/enter", &[]).await.status, 405);
}
