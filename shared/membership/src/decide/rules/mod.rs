//! The rules for a cluster that has an identity. The order in which they are tried stands in [`decide`](super).

pub mod alarms;
pub mod give_up;
pub mod heal;
pub mod hold;
pub mod in_doubt;
pub mod join;
pub mod joiner_envs;
pub mod joins_fail;
pub mod leave;
pub mod ports;
pub mod promote;
pub mod publish;
pub mod refused_calls;
pub mod remove_dead;
pub mod seal;
pub mod strangers;
pub mod warm_pool;
pub mod without_list;
