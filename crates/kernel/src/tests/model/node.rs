//! A real kernel that is taken through the same steps, and compared with the model after each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedSender;
use wharf_types::kernel::{KernelResponse, ProcessPhase};
use wharf_types::{Address, Capability, OnExit, PackageId, Request};

use super::super::support::{self, Puppet, Shelf, World, attach, attached, payload};
use super::reference::{CAPABILITIES_MAX, CHILDREN_MAX, Model, Outcome, PATH_MAX, PROCESSES_MAX, Way, is_public};
use super::steps::{Cap, Disk, Ending, Id, Kind, PACKAGE, Step, Transition};
use crate::Limits;
use crate::capability::Lineage;
use crate::launcher::Exit;
use crate::lifecycle::NewProcess;
use crate::module::Access;
use crate::persistence::Persistence;
use crate::process::{Kept, Process};
use crate::session::Session;

pub(super) struct Node {
    world: World,
    puppets: Vec<Puppet>,
    lives: BTreeMap<Id, (Session, UnboundedSender<Exit>)>,
    /// Last, so that it goes after what runs on it.
    runtime: Arc<Runtime>,
}

fn limits() -> Limits {
    Limits {
        processes_max: PROCESSES_MAX,
        children_max: CHILDREN_MAX,
        capabilities_max: CAPABILITIES_MAX,
        capability_path_max: PATH_MAX,
        ..Limits::default()
    }
}

/// One for each id, though most of them do not live.
fn puppets(world: &World) -> Vec<Puppet> {
    (0..PACKAGE.len()).map(|id| world.puppet(&format!("p{id}"))).collect()
}

fn name(id: Id) -> String {
    format!("p{id}:pkg{}:pub", PACKAGE[id])
}

fn id(of: Id) -> wharf_types::ProcessId {
    support::id(&name(of))
}

fn capability(cap: Cap) -> Capability {
    match cap.kind {
        Kind::Messaging => Capability::messaging(support::address(&name(cap.issuer))),
        Kind::Other => support::own(&name(cap.issuer), "1"),
    }
}

fn id_of(id: &wharf_types::ProcessId) -> Id {
    id.process().trim_start_matches('p').parse().unwrap()
}

fn cap_of(capability: &Capability) -> Cap {
    let issuer = id_of(capability.issuer.process());
    Cap { issuer, kind: if capability.params == "1" { Kind::Other } else { Kind::Messaging } }
}

fn way_of(lineage: &Lineage, holder: &Address) -> Way {
    let hands = lineage.path.iter().chain([holder]);
    (lineage.origin, hands.map(|hand| id_of(hand.process())).collect())
}

fn on_exit(ending: &Ending) -> OnExit {
    match ending {
        Ending::Nothing => OnExit::None,
        Ending::Restart => OnExit::Restart,
        Ending::Tell(to, cap) => {
            let request = Request { capabilities: vec![capability(*cap)], ..Request::default() };
            OnExit::Requests(vec![(support::address(&name(*to)), request, None)])
        }
    }
}

fn ending_of(on_exit: &OnExit) -> Ending {
    match on_exit {
        OnExit::None => Ending::Nothing,
        OnExit::Restart => Ending::Restart,
        OnExit::Requests(requests) => {
            let (to, request, _) = &requests[0];
            Ending::Tell(id_of(to.process()), cap_of(&request.capabilities[0]))
        }
    }
}

fn outcome<T, E>(result: Result<T, E>) -> Outcome {
    if result.is_ok() { Outcome::Done } else { Outcome::Refused }
}

fn done_if<E>(result: Result<bool, E>) -> Outcome {
    if result.is_ok_and(|done| done) { Outcome::Done } else { Outcome::Refused }
}

impl Node {
    pub(super) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let world = World::with(limits());
        let puppets = puppets(&world);
        Self { world, puppets, lives: BTreeMap::new(), runtime: Arc::new(runtime) }
    }

    /// Takes a step that the model has taken already.
    pub(super) fn apply(&mut self, transition: &Transition, model: &Model) {
        let runtime = Arc::clone(&self.runtime);
        runtime.block_on(async {
            self.world.store.set_full(transition.disk == Disk::Fails);
            let outcome = self.step(&transition.step, model).await;
            self.world.store.set_full(false);
            assert_eq!(outcome, model.outcome);
        });
    }

    async fn step(&mut self, step: &Step, model: &Model) -> Outcome {
        let kernel = &self.world.kernel;
        match step {
            Step::Create { id, by, ending, given } => self.create(*id, *by, ending, *given).await,
            Step::Run(of) => match kernel.run(&id(*of)) {
                KernelResponse::StartedProcess => {
                    self.lives.insert(*of, self.puppets[*of].life().await);
                    Outcome::Done
                }
                _ => Outcome::Refused,
            },
            Step::Kill(of, revocation) => {
                self.lives.remove(of);
                done_if(kernel.kill(&id(*of), *revocation).await)
            }
            Step::End(of) => self.end(*of, model).await,
            Step::SetOnExit(of, ending) => done_if(kernel.set_on_exit(&id(*of), on_exit(ending)).await),
            Step::Send { from, to, cap } => {
                if let Some((session, _)) = self.lives.get_mut(from) {
                    support::send(session, &name(*to), attach(vec![capability(*cap)])).await;
                }
                Outcome::Nothing
            }
            Step::Receive(by) => match self.lives.get_mut(by) {
                Some((session, _)) => match attached(session).now_or_never() {
                    Some(attached) => Outcome::Received(attached.iter().map(cap_of).collect()),
                    None => Outcome::Nothing,
                },
                None => Outcome::Nothing,
            },
            Step::Save(by, cap) => match self.lives.get(by) {
                Some((session, _)) => outcome(session.save_capabilities(vec![capability(*cap)]).await),
                None => Outcome::Nothing,
            },
            Step::Drop(by, cap) => done_if(kernel.drop_capabilities(&id(*by), &[capability(*cap)]).await),
            Step::Grant(to, cap) => outcome(kernel.grant(&id(*to), vec![capability(*cap)]).await),
            Step::Offer { from, to, cap } => match kernel.find(&id(*from)) {
                Some(giver) => outcome(kernel.offer(&giver, &id(*to), vec![capability(*cap)]).await),
                None => Outcome::Nothing,
            },
            Step::Revoke(from, cap) => {
                let from = from.map(id);
                let lost = kernel.revoke(from.as_ref(), &[capability(*cap)]).await;
                lost.map_or(Outcome::Refused, Outcome::Lost)
            }
            Step::RevokePackage(package) => {
                let package: PackageId = format!("pkg{package}:pub").parse().unwrap();
                outcome(kernel.revoke_package(&package).await)
            }
            Step::Boot => self.boot(model).await,
        }
    }

    async fn create(&self, new: Id, by: Option<Id>, ending: &Ending, given: Cap) -> Outcome {
        let kernel = &self.world.kernel;
        let initializer = by.and_then(|by| kernel.find(&id(by)));
        if by.is_some() && initializer.is_none() {
            return Outcome::Nothing;
        }
        let access = if is_public(new) { Access::Public } else { Access::Capability };
        let installed = NewProcess::installed(id(new), format!("/pkg:pub/p{new}.wasm"), None, on_exit(ending), access);
        let new = match &initializer {
            None => installed,
            // As a guest's child.
            Some(parent) => NewProcess {
                kept: if *ending == Ending::Nothing { Kept::UntilShutdown } else { Kept::AcrossBoots },
                parent: Some(parent.as_parent()),
                ..installed
            },
        };
        let component = payload(&format!("p{}", id_of(&new.id)));
        outcome(kernel.initialize(new, component, vec![capability(given)], initializer.as_ref()).await)
    }

    async fn end(&mut self, of: Id, model: &Model) -> Outcome {
        let Some((session, end)) = self.lives.remove(&of) else { return Outcome::Nothing };
        drop(session);
        end.send(Exit::Returned).unwrap();
        if model.table.contains_key(&of) {
            self.lives.insert(of, self.puppets[of].life().await);
        } else {
            while self.world.kernel.is_alive(&id(of)) {
                tokio::task::yield_now().await;
            }
        }
        Outcome::Nothing
    }

    async fn boot(&mut self, model: &Model) -> Outcome {
        self.lives.clear();
        self.world.kernel.shut_down().await;
        self.world = World::on(limits(), Arc::clone(&self.world.store));
        self.puppets = puppets(&self.world);
        self.world.kernel.restore(Arc::<Shelf>::default()).await.unwrap();
        for of in model.table.keys() {
            self.lives.insert(*of, self.puppets[*of].life().await);
        }
        Outcome::Nothing
    }

    pub(super) fn compare(&self, model: &Model) {
        for of in 0..PACKAGE.len() {
            match self.world.kernel.find(&id(of)) {
                Some(process) => compare_process(&process, of, model),
                None => assert!(!model.table.contains_key(&of), "p{of} is gone"),
            }
        }
        self.compare_census(model);
        self.compare_store(model);
    }

    fn compare_census(&self, model: &Model) {
        let (all, packages) = self.world.kernel.census().counted();
        assert_eq!(all, model.table.len());
        for package in 0..2 {
            let id: PackageId = format!("pkg{package}:pub").parse().unwrap();
            let expected = model.table.keys().filter(|id| PACKAGE[**id] == package).count();
            assert_eq!(packages.get(&id).copied().unwrap_or(0), expected);
        }
        assert!(packages.len() <= 2);
    }

    fn compare_store(&self, model: &Model) {
        let stored = self.world.store.load().now_or_never().unwrap().unwrap();
        let processes = stored
            .processes
            .iter()
            .map(|stored| (id_of(&stored.id), (ending_of(&stored.on_exit), stored.parent.as_ref().map(id_of))));
        assert_eq!(processes.collect::<BTreeMap<_, _>>(), model.disc.processes);
        let capabilities = stored.capabilities.iter().map(|stored| {
            let holder = support::address(&name(id_of(&stored.holder)));
            let cap = cap_of(stored.capability.capability());
            ((id_of(&stored.holder), cap), way_of(&stored.lineage, &holder))
        });
        assert_eq!(capabilities.collect::<BTreeMap<_, _>>(), model.disc.capabilities);
    }
}

fn compare_process(process: &Process, of: Id, model: &Model) {
    let entry = model.table.get(&of).unwrap_or_else(|| panic!("there is a p{of}"));
    let held = process.all_held();
    assert!(held.iter().all(|held| held.is_valid()));
    let held = held.iter().map(|held| (cap_of(held.capability()), way_of(&held.lineage(), held.holder())));
    assert_eq!(held.collect::<BTreeMap<_, _>>(), model.held_by(of), "what p{of} holds");
    let phase = if entry.is_running { ProcessPhase::Running } else { ProcessPhase::Initialized };
    assert_eq!(process.status().phase, phase);
    assert_eq!((process.is_kept(), ending_of(&process.on_exit())), (entry.is_kept, entry.ending.clone()));
    assert_eq!(process.mailbox().len(), entry.mailbox.len());
    assert_eq!(process.as_parent().alive.load(Ordering::Relaxed), model.children_of(of));
}
