# mypy: ignore-errors
"""FastAPI: validation, dependencies, uploads, streams, errors, background tasks."""

import asyncio
from typing import Annotated

from fastapi import (
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    File,
    Header,
    HTTPException,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

app = FastAPI(title="Real app")
done: list[str] = []


class Item(BaseModel):
    """What is posted."""

    name: str
    price: float
    tags: list[str] = []


@app.get("/items/{number}")
async def item(number: int, q: str | None = None):
    return {"number": number, "q": q}


@app.post("/items", status_code=201)
async def create(made: Item, response: Response):
    response.headers["location"] = "/items/1"
    response.set_cookie("basket", "1 2", httponly=True, samesite="strict")
    response.set_cookie("seen", "yes")
    return made


@app.post("/upload")
async def upload(files: Annotated[list[UploadFile], File()]):
    return [{"name": file.filename, "type": file.content_type, "size": len(await file.read())} for file in files]


@app.get("/sync")
def sync(agent: Annotated[str, Header(alias="user-agent")], basket: Annotated[str | None, Cookie()] = None):
    return {"agent": agent, "basket": basket}


@app.get("/stream")
async def stream():
    async def parts():
        for number in range(20):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/moved")
async def moved():
    return RedirectResponse("/items/7?q=ü", status_code=307)


@app.get("/teapot")
async def teapot():
    raise HTTPException(418, {"why": "tea"}, {"x-tea": "green"})


@app.get("/broken")
async def broken():
    raise RuntimeError("broken")


@app.get("/secret")
def secret(who: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]):
    return {"who": who.username}


@app.post("/background", status_code=202)
async def background(tasks: BackgroundTasks):
    tasks.add_task(done.append, "done")
    return {"accepted": True}


@app.put("/raw")
async def raw(request: Request):
    return PlainTextResponse(f"{len(await request.body())} {request.headers.get('content-type')}")


@app.get("/url")
async def url(request: Request):
    return {"url": str(request.url), "path": request.url.path, "made": str(request.url_for("item", number=3))}


@app.delete("/items/{number}", status_code=204)
async def delete(number: int):
    return None
