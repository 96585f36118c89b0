from pathlib import Path


def test_a_network_of_every_form_answers_as_the_model(call):
    script = Path(__file__).with_name("interpreted.py").read_text()
    call(exec, script, {"__name__": "interpreted"})
