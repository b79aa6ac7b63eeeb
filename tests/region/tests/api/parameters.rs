//! Parameter Store: its rules, its error texts, and its weak consistency in a hostile region.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ssm::types::ParameterType;
use region::Options;

use crate::support::{Fixture, options, until, what};

async fn put(fixture: &Fixture, name: &str, value: &str, overwrite: bool) -> Result<i64, (String, String)> {
    let call = fixture.ssm.put_parameter().name(name).value(value).overwrite(overwrite);
    let answer = call.r#type(ParameterType::String).send().await;
    answer.map(|answer| answer.version()).map_err(|error| what(&error))
}

async fn get(fixture: &Fixture, name: &str) -> Result<String, String> {
    let answer = fixture.ssm.get_parameter().name(name).send().await.map_err(|error| what(&error).0)?;
    Ok(answer.parameter().and_then(|one| one.value()).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn creating_is_refused_where_it_exists_and_overwriting_counts_versions() {
    let fixture = Fixture::start(options()).await;
    assert_eq!(put(&fixture, "/etcd-asg/c/x", "1", false).await, Ok(1));
    let (code, message) = put(&fixture, "/etcd-asg/c/x", "2", false).await.expect_err("it exists");
    assert_eq!(code, "ParameterAlreadyExists");
    assert!(message.starts_with("The parameter already exists."), "{message}");
    assert_eq!(put(&fixture, "/etcd-asg/c/x", "2", true).await, Ok(2));
    assert_eq!(get(&fixture, "/etcd-asg/c/x").await, Ok("2".to_owned()));
    assert_eq!(get(&fixture, "/etcd-asg/c/y").await, Err("ParameterNotFound".to_owned()));
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_parameter_keeps_its_type() {
    let fixture = Fixture::start(options()).await;
    assert_eq!(put(&fixture, "/etcd-asg/c/x", "1", false).await, Ok(1));
    let list = || fixture.ssm.put_parameter().name("/etcd-asg/c/x").value("1,2").overwrite(true);
    let refused = list().r#type(ParameterType::StringList).send().await.map_err(|error| what(&error).0);
    assert_eq!(refused.err().as_deref(), Some("HierarchyTypeMismatchException"));
    let kept = list().send().await.map(|answer| answer.version()).map_err(|error| what(&error));
    assert_eq!(kept, Ok(2), "without a type it keeps the one that it has");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn values_that_are_too_long_or_hold_braces_are_refused() {
    let fixture = Fixture::start(options()).await;
    assert_eq!(put(&fixture, "/a", &"x".repeat(4_096), false).await, Ok(1));
    let (code, message) = put(&fixture, "/b", &"x".repeat(4_097), false).await.expect_err("too long");
    assert_eq!(code, "ValidationException");
    assert!(
        message.starts_with("Standard tier parameters support a maximum parameter value of 4096"),
        "{message}"
    );
    let (code, message) = put(&fixture, "/b", "{{x}}", false).await.expect_err("braces");
    assert_eq!(code, "ValidationException");
    assert!(message.contains("can't nest another parameter"), "{message}");
    assert_eq!(put(&fixture, "no/slash", "x", false).await.expect_err("no path").0, "ValidationException");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_listing_comes_in_pages_of_ten_and_only_below_its_path() {
    let fixture = Fixture::start(options()).await;
    for number in 0..23 {
        put(&fixture, &format!("/etcd-asg/c/instances/i-{number:02}"), "x", false).await.expect("put");
    }
    put(&fixture, "/etcd-asg/cc", "x", false).await.expect("put");
    let list = async |path: &str, recursive: bool| {
        let pages = fixture.ssm.get_parameters_by_path().path(path).recursive(recursive);
        let pages: Vec<_> = pages.into_paginator().send().collect::<Result<_, _>>().await.expect("pages");
        pages.iter().map(|page| page.parameters().len()).collect::<Vec<_>>()
    };
    assert_eq!(list("/etcd-asg/c", true).await, [10, 10, 3]);
    assert_eq!(list("/etcd-asg/c", false).await, [0]);
    assert_eq!(list("/etcd-asg/c/instances/", false).await, [10, 10, 3]);
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_deleted_name_must_rest_before_it_is_used_again() {
    let rest = Duration::from_secs(1);
    let fixture = Fixture::start(Options { ssm_reuse_delay: rest, ..options() }).await;
    put(&fixture, "/a", "1", false).await.expect("put");
    let deleted = fixture.ssm.delete_parameters().names("/a").names("/b").send().await.expect("deleted");
    assert_eq!(
        (deleted.deleted_parameters(), deleted.invalid_parameters()),
        (&["/a".to_owned()][..], &["/b".to_owned()][..])
    );
    assert_eq!(put(&fixture, "/a", "2", false).await.expect_err("too early").0, "ParameterAlreadyExists");
    until("the name can be used again", async || put(&fixture, "/a", "2", false).await.ok()).await;
    let again = fixture.ssm.delete_parameter().name("/b").send().await.expect_err("it is not there");
    assert_eq!(what(&again).0, "ParameterNotFound");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn several_parameters_are_read_at_once_and_secrets_only_decrypted() {
    let fixture = Fixture::start(options()).await;
    put(&fixture, "/a", "1", false).await.expect("put");
    let secret = fixture.ssm.put_parameter().name("/s").value("hidden").r#type(ParameterType::SecureString);
    secret.send().await.expect("put");
    let read = async |decrypt: bool| {
        let call =
            fixture.ssm.get_parameters().names("/a").names("/s").names("/none").with_decryption(decrypt);
        let answer = call.send().await.expect("parameters");
        assert_eq!(answer.invalid_parameters(), ["/none"]);
        answer
            .parameters()
            .iter()
            .map(|one| one.value().unwrap_or_default().to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert!(read(true).await.contains("hidden"));
    assert!(!read(false).await.contains("hidden"));
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn more_calls_than_the_account_may_make_are_throttled() {
    let fixture = Fixture::start(Options { ssm_rate: 5.0, ..options() }).await;
    let mut codes = BTreeSet::new();
    for _ in 0..50 {
        codes.extend(get(&fixture, "/a").await.err());
    }
    assert!(codes.contains("ThrottlingException"), "{codes:?}");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_hostile_store_shows_old_values_for_a_while_but_not_for_ever() {
    let staleness = Duration::from_secs(2);
    let fixture = Fixture::start(Options { hostile: true, ssm_staleness: staleness, ..options() }).await;
    put(&fixture, "/a", "old", false).await.expect("put");
    until("the first write shows", async || get(&fixture, "/a").await.ok()).await;
    until("it is overwritten", async || put(&fixture, "/a", "new", true).await.ok()).await;
    until("a stale read", async || {
        let seen = get(&fixture, "/a").await;
        (seen != Ok("new".to_owned())).then_some(())
    })
    .await;
    until("fifty reads in a row show the new value", async || {
        for _ in 0..50 {
            if get(&fixture, "/a").await != Ok("new".to_owned()) {
                return None;
            }
        }
        Some(())
    })
    .await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_hostile_listing_has_empty_pages_with_a_token_but_misses_nothing() {
    let fixture = Fixture::start(Options { hostile: true, ssm_staleness: Duration::ZERO, ..options() }).await;
    for number in 0..25 {
        put(&fixture, &format!("/p/{number}"), "x", false).await.expect("put");
    }
    until("an empty page that is not the last", async || {
        let pages = fixture.ssm.get_parameters_by_path().path("/p").into_paginator().send();
        let pages: Vec<_> = pages.collect::<Result<_, _>>().await.expect("pages");
        let names: BTreeSet<_> =
            pages.iter().flat_map(|page| page.parameters()).filter_map(|one| one.name()).collect();
        assert_eq!(names.len(), 25);
        pages.iter().any(|page| page.parameters().is_empty() && page.next_token().is_some()).then_some(())
    })
    .await;
    fixture.region.shutdown().await;
}
