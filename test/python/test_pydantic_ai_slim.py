"""pydantic-ai, unmodified: its image generator, and an agent that draws with it."""

import pytest
from pydantic_ai import Agent, BinaryImage, ImageGenerator
from pydantic_ai.capabilities import ImageGeneration
from pydantic_ai.exceptions import ContentFilterError, ModelHTTPError
from pydantic_ai.images.openai import OpenAIImageGenerationModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider

CLIENT = "ImageGenerator"


@pytest.fixture
def model(url: str, key: str):
    return lambda name="mock/paint", key=key: OpenAIImageGenerationModel(name, provider=OpenAIProvider(base_url=f"{url}/v1", api_key=key))


@pytest.mark.call("`generate_sync`")
def test_generate(model):
    result = ImageGenerator(model()).generate_sync("a red fox", settings={"dimensions": (1536, 1024), "openai_n": 2, "openai_quality": "low", "openai_background": "opaque"})
    assert [image.content.media_type for image in result.images] == ["image/png", "image/png"]
    assert result.provider_details["size"] == "1536x1024"


@pytest.mark.call("`generate_sync(images=…)`")
def test_edit(model):
    generator = ImageGenerator(model())
    picture = generator.generate_sync("a red fox", settings={"openai_size": "256x256"}).image
    edited = generator.generate_sync("a moon", images=[picture], settings={"dimensions": (256, 256)})
    assert edited.image.media_type == "image/png"


@pytest.mark.call("`generate_sync`, refused by a filter")
def test_moderation(model):
    with pytest.raises(ContentFilterError):
        ImageGenerator(model()).generate_sync("x [mock fail=content_rejected]")


@pytest.mark.call("a wrong key, a wrong model")
def test_errors(model):
    for wrong, status, code in [(model(key="sk_live_wrong"), 401, "invalid_api_key"), (model("mock/pain"), 404, "model_not_found")]:
        with pytest.raises(ModelHTTPError) as error:
            ImageGenerator(wrong).generate_sync("a red fox")
        assert (error.value.status_code, error.value.body["code"]) == (status, code)


@pytest.mark.call("`ImageGeneration(fallback_image_model=…)`", client="Agent")
def test_agent(model):
    agent = Agent(TestModel(), capabilities=[ImageGeneration(native=False, fallback_image_model=model())])
    answers = [part for message in agent.run_sync("Draw a red fox.").all_messages() for part in message.parts]
    drawn = [file for part in answers for file in getattr(part, "files", []) if isinstance(file, BinaryImage)]
    assert [file.media_type for file in drawn] == ["image/png"]
