//! EC2's calls for launch templates.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::filter::Filter;
use super::lookup::page;
use crate::model::template::{Template, Version, named};
use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// CreateLaunchTemplate: the template and its version 1.
pub fn create(world: &World, params: &Params) -> Result<Value, ApiError> {
    let name = params.required("LaunchTemplateName")?;
    let version = version(params, None)?;
    let id = format!("lt-{}", world.site.hex17());
    world.change(|state| {
        if state.templates.values().any(|template| template.name == name) {
            return Err(ApiError::bad_request(
                "InvalidLaunchTemplateName.AlreadyExistsException",
                "Launch template name already in use.",
            ));
        }
        let template = Template {
            id: id.clone(),
            name: name.to_owned(),
            created: version.created,
            default: 1,
            versions: vec![version],
        };
        let shown = template.show();
        state.templates.insert(id, template);
        world.site.timeline.note("ec2", name, "launch template created");
        Ok(json!({"launchTemplate": shown}))
    })
}

/// CreateLaunchTemplateVersion; the default version stays what it was.
pub fn create_version(world: &World, params: &Params) -> Result<Value, ApiError> {
    world.change(|state| {
        let template = named(&state.templates, id(params), name(params))?;
        let source = params.text("SourceVersion").map(|number| template.number(number)).transpose()?;
        let source = source.and_then(|number| template.version(number));
        let version = version(params, source.map(|source| &source.data))?;
        let (id, number) = (template.id.clone(), template.versions.len() as u64 + 1);
        let shown = state.templates.get_mut(&id).and_then(|template| {
            template.versions.push(version);
            world.site.timeline.note(
                "ec2",
                &template.name,
                format!("version {number} of the launch template"),
            );
            template.show_version(number)
        });
        Ok(json!({"launchTemplateVersion": shown}))
    })
}

/// ModifyLaunchTemplate: another version becomes the default.
pub fn modify(world: &World, params: &Params) -> Result<Value, ApiError> {
    world.change(|state| {
        let template = named(&state.templates, id(params), name(params))?;
        let number = template.number(params.required("SetDefaultVersion")?)?;
        let id = template.id.clone();
        let shown = state.templates.get_mut(&id).map(|template| {
            template.default = number;
            world.site.timeline.note("ec2", &template.name, format!("version {number} is the default"));
            template.show()
        });
        Ok(json!({"launchTemplate": shown}))
    })
}

/// DescribeLaunchTemplates, by names or IDs; without either, all templates.
pub fn describe(world: &World, params: &Params) -> Result<Value, ApiError> {
    unfiltered(params)?;
    let (ids, names) = (params.list("LaunchTemplateId"), params.list("LaunchTemplateName"));
    let found: Vec<Value> = world.look(|state| {
        if ids.is_empty() && names.is_empty() {
            return Ok(state.templates.values().map(Template::show).collect());
        }
        let by_id = ids.iter().map(|id| named(&state.templates, Some(id), None));
        let by_name = names.iter().map(|name| named(&state.templates, None, Some(name)));
        by_id.chain(by_name).map(|template| template.map(Template::show)).collect::<Result<_, ApiError>>()
    })?;
    let (shown, next) = page(found, params)?;
    Ok(json!({"launchTemplates": shown, "nextToken": next}))
}

/// DescribeLaunchTemplateVersions of one template; all versions, newest first, where the call names no
/// version.
pub fn describe_versions(world: &World, params: &Params) -> Result<Value, ApiError> {
    unfiltered(params)?;
    let wanted = params.list("LaunchTemplateVersion");
    let found: Vec<Value> = world.look(|state| {
        let template = named(&state.templates, id(params), name(params))?;
        let all = || (1..=template.versions.len() as u64).rev().map(Ok).collect::<Vec<_>>();
        let numbers = if wanted.is_empty() {
            all()
        } else {
            wanted.iter().map(|version| template.number(version)).collect()
        };
        let shown = |number: Result<u64, ApiError>| Ok(template.show_version(number?));
        let versions: Vec<Option<Value>> = numbers.into_iter().map(shown).collect::<Result<_, ApiError>>()?;
        Ok::<_, ApiError>(versions.into_iter().flatten().collect())
    })?;
    let (shown, next) = page(found, params)?;
    Ok(json!({"launchTemplateVersionSet": shown, "nextToken": next}))
}

/// A version from a call. It takes the parameters that the call does not name from its source.
fn version(params: &Params, source: Option<&Value>) -> Result<Version, ApiError> {
    let named = params.below("LaunchTemplateData");
    if named.is_empty() {
        return Err(ApiError::bad_request(
            "MissingParameter",
            "The request must contain the parameter LaunchTemplateData",
        ));
    }
    let mut data = source.cloned().unwrap_or_else(|| json!({}));
    if let (Some(fields), Value::Object(named)) = (data.as_object_mut(), named.to_json()) {
        fields.extend(named);
    }
    let description = params.text("VersionDescription").map(str::to_owned);
    Ok(Version { description, created: SystemTime::now(), data })
}

/// Refuses all filters: an ignored filter would look like a filter that everything passes.
fn unfiltered(params: &Params) -> Result<(), ApiError> {
    match params.elements("Filter").first().and_then(|filter| filter.text("Name")) {
        Some(name) => Err(Filter::invalid(name)),
        None => Ok(()),
    }
}

fn id(params: &Params) -> Option<&str> {
    params.text("LaunchTemplateId")
}

fn name(params: &Params) -> Option<&str> {
    params.text("LaunchTemplateName")
}
