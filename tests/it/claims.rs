//! The claims of one process, against the contract of all claims.

use desk_handoff::claims::Memory;

crate::claims_contract::holds_for!(Memory::default());
