"""The comparison against a validator that knows nothing of it: what it lets pass, no reader refuses."""

from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fanout_tools.contracts.compatibility import Reader, breaking
from fanout_tools.contracts.compatibility.comparison import refusals

from .schemas import changed, instances, objects, schemas


@given(schema=schemas)
def test_a_schema_is_compatible_with_itself(schema: dict[str, Any]) -> None:
    """GIVEN any schema WHEN compared with itself THEN nothing breaks."""
    assert breaking(schema, deepcopy(schema)) == []


@given(schema=objects, field=schemas)
def test_an_optional_field_can_always_be_added(schema: dict[str, Any], field: dict[str, Any]) -> None:
    """GIVEN any object WHEN it gets one more optional field THEN nothing breaks."""
    richer = {**schema, "properties": {**schema["properties"], "more": field}}

    assert breaking(schema, richer) == []


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_passes_is_never_refused(data: st.DataObject) -> None:
    """GIVEN a schema and a change of it WHEN the comparison finds nothing to refuse, either way THEN every value of
    the writer's keeps the reader's schema, says the validator."""
    old = data.draw(schemas)
    new = data.draw(changed(old))
    for writer, reader in ((old, new), (new, old)):
        if not refusals(writer=writer, reader=reader, losses=True):
            value = data.draw(instances(writer))
            assert Draft202012Validator(writer).is_valid(value)  # else the test's own values are wrong
            assert Draft202012Validator(reader).is_valid(value)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_the_validator_refuses_is_told(data: st.DataObject) -> None:
    """GIVEN an object and a change of it WHEN a published value no longer keeps the new schema THEN a change is told
    that breaks old events; WHEN a new value does not keep the old one THEN one that breaks later workers."""
    old = data.draw(objects)
    new = data.draw(changed(old))
    broken = {reader for change in breaking(old, new) for reader in change.breaks}
    if not Draft202012Validator(new).is_valid(data.draw(instances(old))):
        assert Reader.OF_OLD_EVENTS in broken
    if not Draft202012Validator(old).is_valid(data.draw(instances(new))):
        assert Reader.OF_NEW_EVENTS in broken
