//! The region's page for people: one HTML document without external resources, live or as a snapshot.

mod members;
mod render;
mod story;
mod verdict;
mod view;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use crate::services::parts::Parts;
use members::Asker;

/// What the page's routes need.
#[derive(Clone)]
struct Page {
    parts: Parts,
    asker: Arc<Asker>,
}

/// What the page already has from earlier polls.
#[derive(Deserialize)]
struct Known {
    /// The number of the last timeline entry that the page has.
    after: Option<u64>,
}

/// The routes of the page, of its poll every second, and of its snapshot.
pub fn routes(parts: Parts) -> Router {
    Router::new()
        .route("/_region", get(async || Redirect::temporary("/_region/")))
        .route("/_region/", get(async || document(render::live())))
        .route("/_region/page/state", get(state))
        .route("/_region/page/snapshot", get(download))
        .with_state(Page { parts, asker: Arc::default() })
}

/// The page as a snapshot: it contains the data that it shows now.
pub async fn snapshot(parts: &Parts) -> String {
    render::snapshot(&view::view(parts, &Asker::default(), None).await)
}

async fn state(State(page): State<Page>, Query(known): Query<Known>) -> Response {
    let view = view::view(&page.parts, &page.asker, known.after).await;
    ([(CACHE_CONTROL, "no-store")], Json(view)).into_response()
}

async fn download(State(page): State<Page>) -> Response {
    let view = view::view(&page.parts, &page.asker, None).await;
    let as_a_file = [(CONTENT_DISPOSITION, "attachment; filename=\"region.html\"")];
    (as_a_file, document(render::snapshot(&view))).into_response()
}

/// The page, which a browser must not keep: another region on the same port may have another page.
fn document(text: String) -> Response {
    ([(CACHE_CONTROL, "no-store")], Html(text)).into_response()
}
