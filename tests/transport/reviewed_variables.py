"""The environment variables that the SDKs and frameworks read, each reviewed: why none of them decides a call.

A variable that a new version reads fails the test until it has its place here.
"""

from __future__ import annotations

from turnout.settings.variables import CLOUD_VARIABLES

PACKAGES: dict[str, tuple[str, ...]] = {
    "openai": (),
    "anthropic": (),
    "botocore": (),
    "azure.identity": (),
    "azure.core": (),
    "msal": (),
    "requests": (),
    "aiohttp": (),
    "httpx": (),
    "httpx2": (),
    "httpcore": (),
    "httpcore2": (),
    "urllib3": (),
    "aws_bedrock_token_generator": (),
    "langchain_core": ("utils/_gateway.py", "language_models/chat_models.py"),
    "langchain_openai": ("chat_models/base.py", "chat_models/_client_utils.py", "_compat.py"),
    "langchain_aws": ("chat_models/bedrock_converse.py", "utils.py", "__init__.py"),
    "langchain_anthropic": ("chat_models.py", "_client_utils.py"),
    "llama_index.llms.openai": (),
    "llama_index.llms.anthropic": (),
    "llama_index.llms.bedrock_converse": (),
}
"""What turnout's calls go through; of the frameworks' packages the modules that it uses."""

GIVEN = {
    # to the openai SDK, or put away by turnout.providers.explicit
    "AWS_BEDROCK_BASE_URL",
    "AZURE_OPENAI_AD_TOKEN",
    "OPENAI_ADMIN_KEY",
    "OPENAI_API_TYPE",
    "OPENAI_CUSTOM_HEADERS",
    "OPENAI_WEBHOOK_SECRET",
    # likewise to the anthropic SDK
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_FOUNDRY_RESOURCE",
    "ANTHROPIC_WEBHOOK_SIGNING_KEY",
    # to botocore, by turnout.providers.credentials.aws
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_CSM_CLIENT_ID",
    "AWS_CSM_ENABLED",
    "AWS_CSM_HOST",
    "AWS_CSM_PORT",
    "AWS_DATA_PATH",
    "AWS_DEFAULTS_MODE",
    "AWS_DISABLE_HOST_PREFIX_INJECTION",
    "AWS_DISABLE_REQUEST_COMPRESSION",
    "AWS_ENDPOINT_DISCOVERY_ENABLED",
    "AWS_MAX_ATTEMPTS",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "AWS_RETRY_MODE",
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",
    "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
    "AWS_S3_USE_ARN_REGION",
    "AWS_SIGV4A_SIGNING_REGION_SET",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "BOTOCORE_TCP_KEEPALIVE",
    # to azure-identity, for a service principal
    "AZURE_REGIONAL_AUTHORITY_NAME",
    "MSAL_FORCE_REGION",
    "NETRC",
    # to the frameworks' classes, whose clients are turnout's
    "ANTHROPIC_API_URL",
    "ANTHROPIC_PROXY",
    "LANGCHAIN_OPENAI_TCP_KEEPALIVE",
    "OPENAI_API_BASE",
    "OPENAI_ORGANIZATION",
    "OPENAI_PROXY",
    "LANGSMITH_API_KEY",
    "LANGSMITH_GATEWAY",
    "LANGSMITH_GATEWAY_API_KEY",
}

ENDPOINT = {
    # Where botocore makes the address, they say how; where the settings have one, they have no effect.
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
}

CHAIN = {
    # Where the settings leave the credential to a default chain or a profile, these belong to that.
    "AWS_ACCOUNT_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_IMDS_USE_IPV6",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECURITY_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "BOTO_CONFIG",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_IDENTITY_DISABLE_MULTITENANTAUTH",
    "AZURE_KUBERNETES_CA_DATA",
    "AZURE_KUBERNETES_CA_FILE",
    "AZURE_KUBERNETES_SNI_NAME",
    "AZURE_KUBERNETES_TOKEN_PROXY",
    "AZURE_PASSWORD",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
}

MACHINE = {
    # Certificates that this machine trusts. They choose no endpoint; those that aren't there are passed over.
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    # What it traces and names itself in user agents, and the shape that LangChain's messages have in all of its models.
    "ANTHROPIC_OPEN_TELEMETRY",
    "ANTHROPIC_OPEN_TELEMETRY_PROPAGATION",
    "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE",
    "ANTHROPIC_OPEN_TELEMETRY_TRACES_MAX_CONTENT_BYTES",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_SDK_UA_APP_ID",
    "AZURE_HTTP_USER_AGENT",
    "AZURE_SDK_TRACING_IMPLEMENTATION",
    "AZURE_TRACING_ENABLED",
    "BOTOCORE_EXPERIMENTAL__PLUGINS",
    "LC_OUTPUT_VERSION",
    "_X_AMZN_TRACE_ID",
}

IMPORTED = {
    # Read once, by the import of a module: what is logged, how it is built, which native code is used.
    "AIOHTTP_NO_EXTENSIONS",
    "AIOHTTP_NOSENDFILE",
    "ANTHROPIC_LOG",
    "AZURE_LOG_LEVEL",
    "AZURE_SDK_LOGGING_MULTIRECORD",
    "BOTO_DISABLE_CRT",
    "DEFER_PYDANTIC_BUILD",
    "LANGCHAIN_AWS_DEBUG",
    "OPENAI_LOG",
    "PYTHONASYNCIODEBUG",
    "SSLKEYLOGFILE",
}

ELSEWHERE = {
    # Parts of the packages that turnout doesn't use: other clouds and services, browsers, command lines.
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
    "ANTHROPIC_CONFIG_DIR",
    "ANTHROPIC_ENVIRONMENT_ID",
    "ANTHROPIC_ENVIRONMENT_KEY",
    "ANTHROPIC_FEDERATION_RULE_ID",
    "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
    "ANTHROPIC_GOOGLE_CLOUD_LOCATION",
    "ANTHROPIC_GOOGLE_CLOUD_PROJECT",
    "ANTHROPIC_GOOGLE_CLOUD_WORKSPACE_ID",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN_FILE",
    "ANTHROPIC_ORGANIZATION_ID",
    "ANTHROPIC_PROFILE",
    "ANTHROPIC_SCOPE",
    "ANTHROPIC_SERVICE_ACCOUNT_ID",
    "ANTHROPIC_SESSION_ID",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    "ANTHROPIC_WORK_ID",
    "ANTHROPIC_WORK_SECRET",
    "ANTHROPIC_WORKSPACE_ID",
    "APPDATA",
    "AZURE_SDK_CLOUD_CONF",
    "AZUREPS_HOST_ENVIRONMENT",
    "BOTO_EXPERIMENTAL__ADD_PROXY_HOST_HEADER",
    "BOTO_EXPERIMENTAL__NO_EMPTY_CONTINUE",
    "BROWSER",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "CLOUD_ML_REGION",
    "GOOGLE_CLOUD_PROJECT",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "REGION_NAME",
    "SYSTEM_OIDCREQUESTURI",
    "SYSTEMROOT",
}

NEWER = {"GOOGLE_CLOUD_LOCATION"}  # likewise, since openai 3

REVIEWED = CLOUD_VARIABLES | NEWER | GIVEN | ENDPOINT | CHAIN | MACHINE | IMPORTED | ELSEWHERE

COMPUTED = {
    # Names that the sources put together: of the tables and constants that are looked through as well, of each service
    # (AWS_ENDPOINT_URL_…, AWS_BEARER_TOKEN_…), or of what turnout gives (stream_chunk_timeout, the clients).
    "anthropic": {"_credentials: var", "_providers: config", "_providers: env_var", "_providers: self._env_var"}
    | {"_worker: env_var"},
    "azure.core": {"settings: self._env_var"},
    "azure.identity": {"environment: v", "managed_identity: var"},
    "botocore": {"configprovider: config[1]", "configprovider: copy.deepcopy(self._name, memo)", "credentials: env_key"}
    | {f"credentials: mapping['{name}']" for name in ("access_key", "account_id", "expiry_time", "secret_key")}
    | {"credentials: self._mapping['access_key']", "credentials: token_env_var"}
    | {"session: env_var_names", "session: env_vars", "utils: env_var"},
    "langchain_core": {"_gateway: api_key_env", "_gateway: base_url_env", "_gateway: name"},
    "langchain_openai": {"_client_utils: name"},
    "requests": {"utils: env_name", "utils: key", "utils: key.upper()"},
}
