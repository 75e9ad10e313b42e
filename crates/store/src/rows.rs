//! Rows: how each thing the kernel persists is written to its table and read back.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};
use wharf_kernel::capability::{Lineage, Origin, Signature, SignedCapability};
use wharf_kernel::launcher::ComponentHash;
use wharf_kernel::persistence::{Change, Stored, StoredCapability, StoredProcess};
use wharf_types::{Capability, CapabilityKey, PackageId, ProcessId};

use crate::database::Database;
use crate::error::{Damaged, DatabaseError};
use crate::wire;

const PUT_PROCESS: &str =
    "INSERT INTO process (id, wasm_bytes_handle, component, wit_version, public, on_exit, parent, seal)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, seal('process', ?1, ?2, ?3, ?4, ?5, ?6, ?7))
    ON CONFLICT (id) DO UPDATE SET wasm_bytes_handle = excluded.wasm_bytes_handle, component = excluded.component,
        wit_version = excluded.wit_version, public = excluded.public, on_exit = excluded.on_exit,
        parent = excluded.parent, seal = excluded.seal";
const REMOVE_PROCESS: &str = "DELETE FROM process WHERE id = ?1";
const LIST_PROCESSES: &str =
    "SELECT id, wasm_bytes_handle, component, wit_version, public, on_exit, parent FROM process ORDER BY rowid";

const PUT_CAPABILITY: &str =
    "INSERT INTO capability (holder, issuer, params_key, params, signature, origin, path, seal)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, seal('capability', ?1, ?2, ?3, ?4, ?5, ?6, ?7))
    ON CONFLICT (holder, issuer, params_key) DO UPDATE SET params = excluded.params, signature = excluded.signature,
        origin = excluded.origin, path = excluded.path, seal = excluded.seal";
const REMOVE_CAPABILITY: &str = "DELETE FROM capability WHERE holder = ?1 AND issuer = ?2 AND params_key = ?3";
const REMOVE_HOLDER: &str = "DELETE FROM capability WHERE holder = ?1";
const LIST_CAPABILITIES: &str =
    "SELECT holder, issuer, params_key, params, signature, origin, path FROM capability ORDER BY rowid";

const GET_STATE: &str = "SELECT bytes, seal IS seal('state', process, bytes) FROM state WHERE process = ?1";
const SET_STATE: &str = "INSERT INTO state (process, bytes, seal) VALUES (?1, ?2, seal('state', ?1, ?2))
    ON CONFLICT (process) DO UPDATE SET bytes = excluded.bytes, seal = excluded.seal";
const CLEAR_STATE: &str = "DELETE FROM state WHERE process = ?1";
/// What follows the first `:` of a process id is its package.
const CLEAR_STATES: &str = "DELETE FROM state WHERE substr(process, instr(process, ':') + 1) = ?1";

impl Database {
    /// Compiles every statement: fails when a table or a column is missing.
    pub(crate) fn prepare_all(&self) -> rusqlite::Result<()> {
        let all = [
            PUT_PROCESS,
            REMOVE_PROCESS,
            LIST_PROCESSES,
            PUT_CAPABILITY,
            REMOVE_CAPABILITY,
            REMOVE_HOLDER,
            LIST_CAPABILITIES,
            GET_STATE,
            SET_STATE,
            CLEAR_STATE,
            CLEAR_STATES,
        ];
        all.iter().try_for_each(|sql| self.connection().prepare_cached(sql).map(|_| ()))
    }

    pub(crate) fn load(&self) -> Result<Stored, DatabaseError> {
        let mut stored = Stored::default();
        let mut processes = self.connection().prepare_cached(LIST_PROCESSES)?;
        let mut rows = processes.query([])?;
        while let Some(row) = rows.next()? {
            stored.processes.push(read_process(row)?);
        }
        let mut capabilities = self.connection().prepare_cached(LIST_CAPABILITIES)?;
        let mut rows = capabilities.query([])?;
        while let Some(row) = rows.next()? {
            stored.capabilities.push(read_capability(row)?);
        }
        Ok(stored)
    }

    pub(crate) fn apply(&self, change: &Change) -> Result<(), DatabaseError> {
        self.fault()?;
        match change {
            Change::PutProcess(process) => self.put_process(process),
            Change::RemoveProcess(id) => self.remove_process(id),
            Change::PutCapability(capability) => self.put_capability(capability),
            Change::RemoveCapability { holder, key } => self.remove_capability(holder, key),
        }
    }

    fn put_process(&self, process: &StoredProcess) -> Result<(), DatabaseError> {
        let on_exit = wire::encode_on_exit(&process.on_exit)?;
        self.connection().prepare_cached(PUT_PROCESS)?.execute(params![
            process.id.to_string(),
            process.wasm_bytes_handle,
            process.component.map(|hash| hash.0),
            process.wit_version,
            process.public,
            on_exit,
            process.parent.as_ref().map(ToString::to_string)
        ])?;
        Ok(())
    }

    /// What the process saved stays: it is there again when the process is installed again.
    fn remove_process(&self, id: &ProcessId) -> Result<(), DatabaseError> {
        self.connection().prepare_cached(REMOVE_PROCESS)?.execute([id.to_string()])?;
        self.connection().prepare_cached(REMOVE_HOLDER)?.execute([id.to_string()])?;
        Ok(())
    }

    fn put_capability(&self, stored: &StoredCapability) -> Result<(), DatabaseError> {
        let origin = match stored.lineage.origin {
            Origin::Issued => "issued",
            Origin::Granted => "granted",
        };
        let path: Vec<_> = stored.lineage.path.iter().map(ToString::to_string).collect();
        let signed = &stored.capability;
        self.connection().prepare_cached(PUT_CAPABILITY)?.execute(params![
            stored.holder.to_string(),
            signed.key().issuer().to_string(),
            signed.key().params(),
            signed.capability().params,
            &signed.signature().0[..],
            origin,
            path.join(" ")
        ])?;
        Ok(())
    }

    fn remove_capability(&self, holder: &ProcessId, key: &CapabilityKey) -> Result<(), DatabaseError> {
        let values = [holder.to_string(), key.issuer().to_string(), key.params().to_owned()];
        self.connection().prepare_cached(REMOVE_CAPABILITY)?.execute(values)?;
        Ok(())
    }

    pub(crate) fn get_state(&self, process: &ProcessId) -> Result<Option<Vec<u8>>, DatabaseError> {
        let mut statement = self.connection().prepare_cached(GET_STATE)?;
        let row = statement.query_row([process.to_string()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match row {
            Some((bytes, true)) => Ok(Some(bytes)),
            Some((_, false)) => {
                Err(Damaged::new(format!("the state of `{process}`"), "it is not what was written").into())
            }
            None => Ok(None),
        }
    }

    pub(crate) fn set_state(&self, process: &ProcessId, bytes: &[u8]) -> Result<(), DatabaseError> {
        self.fault()?;
        self.connection().prepare_cached(SET_STATE)?.execute(params![process.to_string(), bytes])?;
        Ok(())
    }

    pub(crate) fn clear_state(&self, process: &ProcessId) -> Result<(), DatabaseError> {
        self.connection().prepare_cached(CLEAR_STATE)?.execute([process.to_string()])?;
        Ok(())
    }

    pub(crate) fn clear_states(&self, package: &PackageId) -> Result<(), DatabaseError> {
        self.fault()?;
        self.connection().prepare_cached(CLEAR_STATES)?.execute([package.to_string()])?;
        Ok(())
    }
}

fn read_process(row: &Row<'_>) -> Result<StoredProcess, DatabaseError> {
    let id: String = row.get(0)?;
    let name = format!("process `{id}`");
    let on_exit: Vec<u8> = row.get(5)?;
    let parent: Option<String> = row.get(6)?;
    let parent = parent.map(|parent| parent.parse()).transpose();
    Ok(StoredProcess {
        id: id.parse().map_err(|error| Damaged::new(&name, error))?,
        wasm_bytes_handle: row.get(1)?,
        component: row.get::<_, Option<[u8; 32]>>(2)?.map(ComponentHash),
        wit_version: row.get(3)?,
        public: row.get(4)?,
        on_exit: wire::decode_on_exit(&on_exit).map_err(|error| Damaged::new(&name, error))?,
        parent: parent.map_err(|error| Damaged::new(&name, error))?,
    })
}

fn read_capability(row: &Row<'_>) -> Result<StoredCapability, DatabaseError> {
    let (holder, issuer, params_key): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let name = format!("capability {params_key} from `{issuer}` held by `{holder}`");
    let id = |error: wharf_types::IdError| Damaged::new(&name, error);

    let capability = Capability::new(issuer.parse().map_err(id)?, row.get::<_, String>(3)?);
    let signature: [u8; 64] = row.get(4)?;
    let signed = SignedCapability::from_parts(capability, Signature(signature))
        .ok_or_else(|| Damaged::new(&name, "its params are not JSON"))?;
    // Removing finds a row by its key: one under the wrong key could never be taken away again.
    if signed.key().params() != params_key {
        return Err(Damaged::new(&name, format!("its params are {}", signed.key().params())).into());
    }
    let (origin, path): (String, String) = (row.get(5)?, row.get(6)?);
    let origin = match origin.as_str() {
        "issued" => Origin::Issued,
        "granted" => Origin::Granted,
        other => return Err(Damaged::new(&name, format!("its origin is `{other}`")).into()),
    };
    let path = path.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().map_err(id)?;
    let lineage = Lineage { origin, path };
    Ok(StoredCapability { holder: holder.parse().map_err(id)?, capability: Arc::new(signed), lineage })
}
