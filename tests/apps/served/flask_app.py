# mypy: ignore-errors
"""Flask: sessions, redirects, uploads, generators, errors."""

from flask import Flask, Response, abort, jsonify, make_response, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = "of no worth"


@app.get("/")
def home():
    return f"<h1>Hello {request.args.get('name', 'you')}</h1>"


@app.get("/page/<int:number>/")
def page(number):
    return jsonify(number=number, url=request.url, root=request.script_root, scheme=request.scheme)


@app.post("/login")
def login():
    session["user"] = request.form["user"]
    return redirect(url_for("me"))


@app.get("/me")
def me():
    if "user" not in session:
        abort(401)
    return jsonify(session["user"])


@app.post("/upload")
def upload():
    return jsonify({name: [file.filename, len(file.read())] for name, file in request.files.items()})


@app.post("/raw")
def raw():
    return jsonify(length=len(request.get_data()), said=request.content_length, type=request.content_type)


@app.get("/lines")
def lines():
    return Response((f"line {number}\n" for number in range(50)), mimetype="text/plain")


@app.get("/cookies")
def cookies():
    answer = make_response(jsonify(dict(request.cookies)))
    answer.set_cookie("a", "1", max_age=60, path="/")
    answer.delete_cookie("b")
    return answer


@app.get("/broken")
def broken():
    raise RuntimeError("broken")


@app.get("/cached")
def cached():
    answer = make_response("cached")
    answer.set_etag("v1")
    return answer.make_conditional(request)
