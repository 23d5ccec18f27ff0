"""Models behind HTTP that speak the protocol of OpenAI: hosted services, vLLM, TGI, Ollama, llama.cpp.

What they send is not trusted: everything has a largest size and a longest time, and the key goes to the configured
address only, never into an error or a log.
"""
