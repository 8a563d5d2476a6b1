"""Where LocalStack lets a plugin in before it opens its port."""

from localstack.runtime import hooks

__all__ = ["install_fanout_fixes"]


# LocalStack tells hooks apart by the names of their functions, so that this name has to be one of its kind.
@hooks.on_infra_start()
def install_fanout_fixes() -> None:
    """Install every fix."""
    from fanout_localstack.fixes import (
        cloudwatch_tags,
        events_dead_letter,
        events_replay,
        gateway,
        lambda_alias_destinations,
        lambda_alias_weights,
        resource_policies,
        sqs_redrive_allow,
    )

    for fix in (
        gateway,
        cloudwatch_tags,
        events_replay,
        events_dead_letter,
        lambda_alias_destinations,
        lambda_alias_weights,
        resource_policies,
        sqs_redrive_allow,
    ):
        fix.install()
