//! How AWS's APIs are written on the wire: query parameters, XML, errors, signatures. Nothing here knows the
//! region.

mod answer;
mod query;
mod signature;
mod xml;

pub use answer::{ApiError, autoscaling, ec2, json};
pub use query::Params;
pub use signature::Signature;
