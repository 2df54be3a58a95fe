//! Filters in addresses of the console: what cannot be read is an error, on the page and in the download alike.

use patron::domain::{Mode, Role};

use crate::console_imports::rehearsed;
use crate::world::World;

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_never_no_filter() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let (path, _) = rehearsed(&owner, "name\nMeera\n").await;
    let rows = format!("{path}/rows/create?after=x");
    for address in [
        "/live/customers?from=yesterday",
        "/live/customers?to=2026-02-30",
        "/live/customers?q=%01",
        "/live/customers?older=17",
        "/live/customers?newer=17",
        "/live/customers/download?from=yesterday",
        "/live/customers/download?q=%01",
        "/live/customers/download?format=xlsx",
        "/live/activity?from=1/2/2026",
        "/live/activity?to=x",
        "/live/activity?door=window",
        "/live/activity?before=x",
        "/live/requests?status=bad",
        "/live/requests?status=99",
        "/live/requests?key=x",
        "/live/imports?before=x",
        &rows,
    ] {
        let answer = owner.get(address).await;
        assert_eq!(answer.status.as_u16(), 400, "{address}: {answer}");
        assert!(answer.body.contains("A filter cannot be read"), "{address}: {answer}");
    }
    for address in [
        "/live/customers?from=&to=+&q=+&older=",
        "/live/activity?from=2026-11-23&door=api",
        "/live/requests?status=404&key=",
    ] {
        assert_eq!(owner.get(address).await.status.as_u16(), 200, "{address}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_body_is_no_part_of_it() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let created = app.post("/v1/customers", "\u{feff}{\"name\":\"Gaurav Kumar\"}").await;
    assert_eq!((created.status.as_u16(), created.json()["name"].as_str()), (200, Some("Gaurav Kumar")));
    let path = format!("/v1/customers/{}", created.json()["id"].as_str().unwrap());
    assert_eq!(app.put(&path, "\u{feff}").await.status.as_u16(), 200);
}
