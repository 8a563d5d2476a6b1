"""Write the JSON Schemas of ``worker.yaml`` and ``web.yaml`` anew, from their models: ``python -m scripts.schemas``."""

from fanout_tools.declarations.schema import FILES, text

if __name__ == "__main__":
    for file, declared in FILES.items():
        file.write_text(text(declared), encoding="utf-8")
        print(f"wrote {file}")
