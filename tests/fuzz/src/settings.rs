//! Settings, from tags and from the environment.

use std::collections::BTreeMap;

use membership::settings::Settings;

use crate::config::Config;
use crate::naming::Named;
use crate::one_sentence;

/// Lines of `name=value`. A value is taken as a whole, or it is refused and nothing changes.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let pairs: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let mut settings = Settings::default();
    for (name, value) in &pairs {
        let before = settings.clone();
        match settings.set(name, value) {
            Ok(()) => in_range(&settings),
            Err(why) => {
                one_sentence(&why);
                assert_eq!(settings, before, "a refused value changes nothing");
            }
        }
    }
    configured(&pairs);
}

fn in_range(settings: &Settings) {
    let seconds = |low: u64, high: u64, span: std::time::Duration| (low..=high).contains(&span.as_secs());
    assert!(settings.client_port > 0 && settings.peer_port > 0);
    assert!(settings.prefix.starts_with('/') && settings.prefix.len() <= 500);
    assert!(seconds(10, 3_600, settings.formation_patience) && seconds(10, 7_200, settings.join_patience));
    assert!(seconds(10, 3_600, settings.unproven_grace) && seconds(0, 172_800, settings.leave_patience));
}

fn configured(pairs: &[(&str, &str)]) {
    let get = |name: &str| {
        let file = name.ends_with("_FILE");
        let found = pairs.iter().find(|(n, _)| *n == name).filter(|_| !file);
        found.map(|(_, value)| (*value).to_owned())
    };
    match Config::from_source(get) {
        Err(error) => one_sentence(&error.to_string()),
        Ok(config) => {
            let tags: BTreeMap<String, String> =
                pairs.iter().map(|(n, v)| (format!("etcd-asg:{n}"), (*v).to_owned())).collect();
            let settings = config.settings(&tags);
            in_range(&settings);
            let named = Named::of(&tags).map(|named| named.problems).unwrap_or_default();
            named.iter().chain(&settings.problems).for_each(|problem| one_sentence(&problem.to_string()));
        }
    }
}
