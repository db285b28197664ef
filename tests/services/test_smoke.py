def test_a_client_is_added_and_read(world):
    admin = world.api("admin")
    made = admin.make("/accounts/v1/clients", {"name": "茶里"})
    answer = admin.get(f"/accounts/v1/clients/{made['id']}")
    assert answer.get_json()["name"] == "茶里"
    assert answer.headers["ETag"] == '"1"'
    again = admin.patch(f"/accounts/v1/clients/{made['id']}", {"name": "茶里集团"})
    assert again.get_json()["version"] == 2
    assert again.headers["ACM-Token"]
    world.settle()
    assert admin.get("/accounts/v1/clients").get_json()["items"][0]["name"] == "茶里集团"
    print(admin.post("/accounts/v1/clients", {"nme": 1}).get_json())
    print(world.client("/accounts/v1/clients").get("/accounts/v1/clients").get_json())
