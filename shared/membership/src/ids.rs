//! Identifiers and the one unit of time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::words::quoted;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// An EC2 instance ID. AWS never uses an ID twice.
    InstanceId
);
text_id!(
    /// The cluster's name: the value of the group's tag `etcd-asg:cluster`.
    ClusterName
);
text_id!(
    /// The Lambda request ID of an invocation. A retry keeps it, so it does not tell one attempt from another.
    RequestId
);
text_id!(
    /// A text that no invocation has written before.
    Nonce
);

impl InstanceId {
    /// Accepts what EC2 gives out: `i-` and 8 or 17 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("i-").unwrap_or("");
        let hex = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && (digits.len() == 8 || digits.len() == 17) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{} is not an instance ID (i- and 8 or 17 hexadecimal digits)", quoted(text)))
        }
    }
}

impl ClusterName {
    /// Accepts `[A-Za-z0-9_.-]{1,100}`: what may stand in a parameter's name and an object's key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if (1..=100).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{} is not a cluster name (1 to 100 letters, digits, '_', '.' or '-')", quoted(text)))
        }
    }
}

/// Writes an ID in hexadecimal, as etcdctl shows and takes it. The ledger's own fields and etcd's JSON have decimals.
pub(crate) fn hexadecimal<T: fmt::Display, S: Serializer>(id: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// [`hexadecimal`], where there may be no ID.
pub(crate) fn hexadecimal_if_any<T: fmt::Display, S: Serializer>(
    id: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

/// [`hexadecimal`], for each of several IDs.
pub(crate) fn hexadecimals<'a, T: fmt::Display + 'a, S: Serializer>(
    ids: impl IntoIterator<Item = &'a T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.into_iter().map(ToString::to_string))
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:x}", self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map(Self).map_err(|_| de::Error::custom(format!("{} is not a decimal 64-bit ID", quoted(&text))))
            }
        }
    };
}

number_id!(
    /// An etcd member ID. Written as a decimal string, as etcd's gateway does; shown in hexadecimal, as etcdctl does.
    MemberId
);
number_id!(
    /// An etcd cluster ID.
    ClusterId
);

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long ago `earlier` was. It is zero when `earlier` lies ahead: clocks differ by seconds.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` later.
    pub fn plus(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The moment `span` earlier.
    pub fn minus(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    /// The moment in UTC, to the second, in the notation of RFC 3339. A moment that has no such notation is told in
    /// milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0 / 1000).ok();
        let moment = seconds.and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
        match moment.and_then(|moment| moment.format(&Rfc3339).ok()) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_ids_are_checked() {
        for good in ["i-1234abcd", "i-1234567890abcdef0"] {
            assert!(InstanceId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "i-", "i-123", "i-1234ABCD", "x-1234abcd", "i-1234567890abcdef01", "i-1234567g"] {
            assert!(InstanceId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cluster_names_are_checked() {
        assert!(ClusterName::parse("main.etcd_1-a").is_ok());
        for bad in ["", "a/b", "a b", "ü", &"x".repeat(101)] {
            assert!(ClusterName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn member_ids_are_decimal_strings_in_json() {
        let id = MemberId(18_097_687_050_679_013_414);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"18097687050679013414\"");
        assert_eq!(serde_json::from_str::<MemberId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<MemberId>("\"fb27\"").is_err());
    }
}
