//! A client that takes nothing for granted: it sends what it is told and returns what came.

use std::{sync::Once, time::Duration};

use desk_emulator::{Emulator, FieldDefinition, FieldKind, Setup};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub(crate) struct World {
    pub(crate) desk: Emulator,
    pub(crate) http: reqwest::Client,
}

/// An answer: its status, and its body as JSON (`null` where it is none).
pub(crate) type Got = (u16, Value);

pub(crate) fn field(key: &str, kind: FieldKind) -> FieldDefinition {
    FieldDefinition::new(key, kind)
}

/// A Desk with one field of every type.
pub(crate) async fn world() -> World {
    let fields = vec![
        field("order-id", FieldKind::Text),
        field("note", FieldKind::Text),
        field("cart-items", FieldKind::Integer),
        field("order-link", FieldKind::Link),
        field("tier", FieldKind::Dropdown(vec!["gold".into(), "silver".into()])),
    ];
    world_with(Setup { fields, ..Setup::default() }).await
}

pub(crate) async fn world_with(setup: Setup) -> World {
    World { desk: Emulator::start(setup).await.unwrap(), http: client(Duration::from_secs(5)) }
}

pub(crate) fn client(timeout: Duration) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
    let plain = reqwest::Client::builder().no_proxy().tls_certs_only(Vec::new()).timeout(timeout);
    plain.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl World {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.desk.desk_url());
        self.http.request(method, url).header("SENDBIRDDESKAPITOKEN", "emulator-desk-token")
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        got(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Got {
        got(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Got {
        got(self.request(Method::PATCH, path).json(&body)).await
    }

    pub(crate) async fn patch_fields(&self, ticket: u64, fields: Value) -> Got {
        let body = json!({"customFields": fields.to_string()});
        self.patch(&format!("/tickets/{ticket}/custom_fields"), body).await
    }

    /// Creates a ticket of `user_1` and returns its id.
    pub(crate) async fn create(&self, title: &str) -> u64 {
        let customer = self.desk.seed_customer("user_1");
        let (status, ticket) =
            self.post("/tickets", json!({"channelName": title, "customerId": customer})).await;
        assert_eq!(status, 201, "{ticket}");
        ticket["id"].as_u64().unwrap()
    }

    /// The ids in the list at this path.
    pub(crate) async fn ids(&self, path: &str) -> Vec<u64> {
        let (status, page) = self.get(path).await;
        assert_eq!(status, 200, "{page}");
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ticket| ticket["id"].as_u64().unwrap())
            .collect()
    }
}

pub(crate) async fn got(request: RequestBuilder) -> Got {
    try_got(request).await.unwrap()
}

pub(crate) async fn try_got(request: RequestBuilder) -> reqwest::Result<Got> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let body = response.text().await?;
    Ok((status, serde_json::from_str(&body).unwrap_or_default()))
}
