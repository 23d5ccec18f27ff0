from sysconf.profile import Profile, load_profile
from sysconf.sizes import format_size, parse_size

__all__ = ["Profile", "format_size", "load_profile", "parse_size"]
