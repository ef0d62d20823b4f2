"""A deployment may have a model asked in another way than it was registered."""

from __future__ import annotations

import json

from unit.scorer.conftest import Start
from unit.scorer.model_folders import brightness, diabetes
from unit.scorer.script_folders import PLAIN, script

ROW = [0.1] * 10


def test_a_matrix_model_answers_as_another_contract(start: Start) -> None:
    package, original = diabetes()
    scorer = start(package, COMAL_CONTRACT="input-data").wait_ready()

    answer = scorer.score(json.dumps({"input_data": [ROW]}).encode())

    assert answer.status == 200
    assert abs(answer.json[0] - original.predict([ROW])[0]) < 0.01
    assert scorer.score(json.dumps({"data": [ROW]}).encode()).status == 400


def test_a_contract_that_the_model_cannot_keep_is_refused(start: Start) -> None:
    scorer = start(brightness(), COMAL_CONTRACT="data-matrix")

    assert scorer.exit_code() == 1
    assert scorer.termination_message()["reason"] == "ModelInvalid"
    assert "rows x columns" in scorer.termination_message()["message"]


def test_a_script_decides_itself(start: Start) -> None:
    scorer = start(script(PLAIN), COMAL_CONTRACT="data-matrix", COMAL_SCRIPT="model")

    assert scorer.exit_code() == 1
    assert "remove predictor.contract" in scorer.termination_message()["message"]


def test_a_contract_that_is_none(start: Start) -> None:
    scorer = start(diabetes()[0], COMAL_CONTRACT="data-frame")

    assert scorer.exit_code() == 1
    assert scorer.termination_message()["reason"] == "SettingsInvalid"
    assert "COMAL_CONTRACT" in scorer.termination_message()["message"]


def test_a_key_that_the_config_map_has_not(start: Start) -> None:
    scorer = start(diabetes()[0], COMAL_SCRIPT="/etc/comal/script/score.py")

    assert scorer.exit_code() == 1
    assert "ConfigMap of predictor.script" in scorer.termination_message()["message"]
