"""LangChain's DALL·E wrapper and tool, unmodified. They need links, for they read nothing else."""

import httpx
import openai
import pytest
from langchain_community.tools.openai_dalle_image_generation import OpenAIDALLEImageGenerationTool
from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

CLIENT = "DallEAPIWrapper"


@pytest.fixture
def wrapper(url: str, key: str):
    return lambda **more: DallEAPIWrapper(**{"base_url": f"{url}/v1", "api_key": key, "model": "mock/paint", "max_retries": 0, **more})


def assert_pictures(links: str, count: int) -> None:
    assert len(links.split("\n")) == count
    for link in links.split("\n"):
        assert httpx.get(link).content.startswith(b"\x89PNG")


@pytest.mark.call("`run`")
@pytest.mark.parametrize("more", [{}, {"n": 2, "size": "256x256"}, {"quality": "low"}])
def test_run(wrapper, more):
    assert_pictures(wrapper(**more).run("a red fox"), more.get("n", 1))


# The wrapper's own model of old, and words of OpenAI's that models no longer take.
@pytest.mark.call("`run` with a name of old, with a lax key")
@pytest.mark.parametrize("more", [{"model": "dall-e-2"}, {"model": "dall-e-3", "quality": "hd", "size": "1792x1024"}, {"quality": "standard"}])
def test_names_of_old(wrapper, lax_key, more):
    assert_pictures(wrapper(api_key=lax_key, **more).run("a red fox"), 1)


@pytest.mark.call("`invoke`", client="OpenAIDALLEImageGenerationTool")
def test_tool(wrapper):
    assert_pictures(OpenAIDALLEImageGenerationTool(api_wrapper=wrapper()).invoke("a red fox"), 1)


@pytest.mark.call("`run`, refused by a filter")
def test_moderation(wrapper):
    with pytest.raises(openai.BadRequestError) as refusal:
        wrapper().run("x [mock fail=content_rejected]")
    assert refusal.value.code == "moderation_blocked"


@pytest.mark.call("a wrong key")
def test_wrong_key(wrapper):
    with pytest.raises(openai.AuthenticationError):
        wrapper(api_key="sk_live_wrong").run("a red fox")
