"""The weights and servers of the engines' tests serve the commands' too."""

from tests.engines.conftest import own_cache as own_cache
from tests.engines.conftest import site as site
