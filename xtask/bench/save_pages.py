"""Saves every page of the CRM's list of calls, as it came: what the peers read."""

import http.client
import json
import pathlib
import sys
import urllib.parse

LIMIT = 100


def main():
    url, email, password, folder = sys.argv[1:5]
    folder = pathlib.Path(folder)
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
    body = json.dumps({"email": email, "password": password})
    connection.request("POST", "/api/auth/login", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    cookie = answer.getheader("Set-Cookie").split(";")[0]
    offset = pages = 0
    while True:
        connection.request("GET", f"/api/calls?limit={LIMIT}&offset={offset}", headers={"Cookie": cookie})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, answer.status
        (folder / f"{pages:06}.json").write_bytes(body)
        pages += 1
        offset += LIMIT
        if b'"hasMore":false' in body[-200:]:
            break
    print(json.dumps({"pages": pages}))


if __name__ == "__main__":
    main()
