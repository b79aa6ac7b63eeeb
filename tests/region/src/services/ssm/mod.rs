//! SSM Parameter Store: the parameter calls with their rules and, in a hostile region, with their weak
//! consistency.

mod read;
mod rules;
mod store;
mod throttle;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::site::Site;
use crate::wire::ApiError;
use store::Store;
use throttle::Throttle;

/// The parameters of the region. Cheap to clone.
#[derive(Clone)]
pub struct Parameters {
    site: Site,
    shelf: Arc<Mutex<Shelf>>,
}

struct Shelf {
    store: Store,
    throttle: Throttle,
}

impl Parameters {
    /// An empty store.
    pub fn new(site: Site) -> Self {
        let throttle = Throttle::new(site.options.ssm_rate);
        Self { site, shelf: Arc::new(Mutex::new(Shelf { store: Store::default(), throttle })) }
    }

    /// Performs one call.
    ///
    /// # Errors
    /// Parameter Store's errors.
    pub fn call(&self, action: &str, input: &Value) -> Result<Value, ApiError> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if !shelf.throttle.admits() {
            return Err(ApiError::bad_request("ThrottlingException", "Rate exceeded"));
        }
        let store = &mut shelf.store;
        match action {
            "PutParameter" => write::put(&self.site, store, parse(input)?),
            "DeleteParameter" => write::delete(&self.site, store, &parse::<Named>(input)?.name),
            "DeleteParameters" => Ok(write::delete_all(&self.site, store, &parse::<Names>(input)?.names)),
            "GetParameter" => read::one(&self.site, store, &parse(input)?),
            "GetParameters" => read::several(&self.site, store, &parse(input)?),
            "GetParametersByPath" => read::by_path(&self.site, store, &parse(input)?),
            "DescribeParameters" => read::describe(store, &parse(input)?),
            _ => Err(ApiError::bad_request("UnknownOperationException", "")),
        }
    }

    /// The true state without stale reads, for the region's own page.
    pub fn state(&self) -> Value {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).store.state()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Names {
    names: Vec<String>,
}

fn parse<T: DeserializeOwned>(input: &Value) -> Result<T, ApiError> {
    T::deserialize(input).map_err(|error| ApiError::bad_request("ValidationException", error.to_string()))
}

/// The parameter or path that a call is about; several names are joined by commas.
pub fn target(input: &Value) -> String {
    let named = input.get("Name").or_else(|| input.get("Path")).and_then(Value::as_str);
    let listed = || {
        let names = input.get("Names").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
    };
    named.map_or_else(listed, str::to_owned)
}
