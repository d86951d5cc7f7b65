/* SPDX-License-Identifier: MIT
 * connection-options.c - servers, TLS and credentials
 *
 * Secrets stand in files of their own and never in cronos.conf, which `cronos config` prints. They
 * are read anew for each connection, so that they can be exchanged while the service runs. */
#include "cli/serve/connection-options.h"

#include "core/error.h"
#include "core/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_BYTES_MAX 4096u
#define CONNECT_TIMEOUT_MS 3000
#define PING_INTERVAL_MS 20000
#define WRITE_DEADLINE_MS 10000

typedef natsOptions NatsOptions;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NatsOptions, natsOptions_Destroy)

static gboolean refuse(const CronosConfig *config, CronosConfigKey key, const char *reason,
                       GError **error)
{
    const char *origin = cronos_config_origin(config, key);
    gboolean is_default = g_str_equal(origin, "default");

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG, "%s%s%s: %s", is_default ? "" : origin,
                is_default ? "" : ": ", cronos_config_key_name(key), reason);
    return FALSE;
}

/* What libnats says of @status: its words for this very case, where it has some. */
static gboolean check(natsStatus status, const CronosConfig *config, CronosConfigKey key,
                      GError **error)
{
    if (status == NATS_OK)
        return TRUE;
    const char *reason = nats_GetLastError(NULL);
    return refuse(config, key,
                  reason != NULL && *reason != '\0' ? reason : natsStatus_GetText(status), error);
}

/* A subject's word, or several: no blanks, no wildcards, no empty word. */
static gboolean is_subject(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ".", -1);

    for (guint i = 0; words[i] != NULL; i++)
        if (*words[i] == '\0')
            return FALSE;
    for (const char *at = text; *at != '\0'; at++)
        if (!g_ascii_isgraph(*at) || *at == '*' || *at == '>')
            return FALSE;
    return TRUE;
}

static gboolean check_names(const CronosConfig *config, GError **error)
{
    static const CronosConfigKey keys[] = {CRONOS_CONFIG_SERVICE_SUBJECT_PREFIX,
                                           CRONOS_CONFIG_SERVICE_QUEUE_GROUP};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *text = cronos_config_string(config, keys[i]);

        if (*text != '\0' && !is_subject(text))
            return refuse(config, keys[i],
                          "must be words of visible ASCII characters with dots between them, "
                          "without \"*\" and \">\"",
                          error);
    }
    return TRUE;
}

static void warn_of_open_secrets(const CronosConfig *config)
{
    static const CronosConfigKey keys[] = {
        CRONOS_CONFIG_SERVICE_TLS_KEY_FILE, CRONOS_CONFIG_SERVICE_CREDENTIALS_FILE,
        CRONOS_CONFIG_SERVICE_PASSWORD_FILE, CRONOS_CONFIG_SERVICE_TOKEN_FILE};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *path = cronos_config_string(config, keys[i]);
        struct stat status;

        if (*path != '\0' && stat(path, &status) == 0 &&
            (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
            cronos_log_event(CRONOS_LOG_WARNING, NULL, path, "%s: open to others than its owner",
                             cronos_config_key_name(keys[i]));
    }
}

char *cronos_connection_public_url(const char *url)
{
    g_auto(GStrv) servers = g_strsplit(url, ",", -1);

    for (guint i = 0; servers[i] != NULL; i++) {
        const char *scheme_end = strstr(servers[i], "://");
        const char *start = scheme_end != NULL ? scheme_end + 3 : servers[i];
        const char *at = strrchr(start, '@');

        if (at == NULL)
            continue;
        char *public = g_strdup_printf("%.*s%s", (int)(start - servers[i]), servers[i], at + 1);
        g_free(servers[i]);
        servers[i] = public;
    }
    return g_strjoinv(",", servers);
}

/* libnats writes names and secrets into JSON as they are. */
static gboolean check_passable(const char *text, const CronosConfig *config, CronosConfigKey key,
                               GError **error)
{
    for (const char *at = text; *at != '\0'; at++)
        if (*at == '"' || *at == '\\' || g_ascii_iscntrl(*at))
            return refuse(config, key,
                          "libnats can not pass on quotes, backslashes and control characters",
                          error);
    return TRUE;
}

/* Returns: (owned) the first line of the file that @key names; NULL with @error. */
static char *read_secret(const CronosConfig *config, CronosConfigKey key, GError **error)
{
    const char *path = cronos_config_string(config, key);
    char bytes[SECRET_BYTES_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    gssize length = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
    g_autofree char *reason = length < 0 ? g_strdup_printf("%s: %m", path) : NULL;

    if (fd >= 0)
        close(fd);
    if (length == (gssize)sizeof bytes)
        reason = g_strdup_printf("%s: longer than %u bytes", path, SECRET_BYTES_MAX);
    if (reason != NULL) {
        refuse(config, key, reason, error);
        return NULL;
    }
    bytes[length] = '\0';
    bytes[strcspn(bytes, "\r\n")] = '\0';
    return check_passable(bytes, config, key, error) ? g_strdup(bytes) : NULL;
}

static gboolean set_servers(natsOptions *options, const CronosConfig *config, GError **error)
{
    const char *url = cronos_config_string(config, CRONOS_CONFIG_SERVICE_URL);
    g_auto(GStrv) servers = g_strsplit(url, ",", -1);
    const char **list = (gpointer)servers;

    for (guint i = 0; servers[i] != NULL; i++)
        g_strstrip(servers[i]);
    return check(natsOptions_SetServers(options, list, (int)g_strv_length(servers)), config,
                 CRONOS_CONFIG_SERVICE_URL, error);
}

static gboolean set_tls(natsOptions *options, const CronosConfig *config, GError **error)
{
    const char *ca = cronos_config_string(config, CRONOS_CONFIG_SERVICE_TLS_CA_FILE);
    const char *own = cronos_config_string(config, CRONOS_CONFIG_SERVICE_TLS_CERTIFICATE_FILE);
    const char *key = cronos_config_string(config, CRONOS_CONFIG_SERVICE_TLS_KEY_FILE);
    const char *url = cronos_config_string(config, CRONOS_CONFIG_SERVICE_URL);

    if ((*own == '\0') != (*key == '\0'))
        return refuse(config, CRONOS_CONFIG_SERVICE_TLS_CERTIFICATE_FILE,
                      "goes together with service.tls_key_file", error);
    if (*ca == '\0' && *own == '\0' && strstr(url, "tls://") == NULL)
        return TRUE;
    if (!check(natsOptions_SetSecure(options, true), config, CRONOS_CONFIG_SERVICE_URL, error))
        return FALSE;
    if (*ca != '\0' && !check(natsOptions_LoadCATrustedCertificates(options, ca), config,
                              CRONOS_CONFIG_SERVICE_TLS_CA_FILE, error))
        return FALSE;
    return *own == '\0' || check(natsOptions_LoadCertificatesChain(options, own, key), config,
                                 CRONOS_CONFIG_SERVICE_TLS_CERTIFICATE_FILE, error);
}

static gboolean set_user(natsOptions *options, const CronosConfig *config, GError **error)
{
    const char *user = cronos_config_string(config, CRONOS_CONFIG_SERVICE_USER);
    const char *file = cronos_config_string(config, CRONOS_CONFIG_SERVICE_PASSWORD_FILE);
    g_autofree char *password = NULL;

    if (*user == '\0' && *file == '\0')
        return TRUE;
    if (*user == '\0')
        return refuse(config, CRONOS_CONFIG_SERVICE_PASSWORD_FILE, "needs service.user", error);
    if (!check_passable(user, config, CRONOS_CONFIG_SERVICE_USER, error))
        return FALSE;
    password = *file != '\0' ? read_secret(config, CRONOS_CONFIG_SERVICE_PASSWORD_FILE, error)
                             : g_strdup("");
    return password != NULL && check(natsOptions_SetUserInfo(options, user, password), config,
                                     CRONOS_CONFIG_SERVICE_USER, error);
}

static gboolean set_token(natsOptions *options, const CronosConfig *config, GError **error)
{
    const char *file = cronos_config_string(config, CRONOS_CONFIG_SERVICE_TOKEN_FILE);

    if (*file == '\0')
        return TRUE;
    g_autofree char *token = read_secret(config, CRONOS_CONFIG_SERVICE_TOKEN_FILE, error);
    return token != NULL && check(natsOptions_SetToken(options, token), config,
                                  CRONOS_CONFIG_SERVICE_TOKEN_FILE, error);
}

/* libnats reads the file when it connects: that it is there is seen here. */
static gboolean set_credentials(natsOptions *options, const CronosConfig *config, GError **error)
{
    const char *file = cronos_config_string(config, CRONOS_CONFIG_SERVICE_CREDENTIALS_FILE);

    if (*file == '\0')
        return TRUE;
    if (access(file, R_OK) != 0) {
        g_autofree char *reason = g_strdup_printf("%s: %m", file);

        return refuse(config, CRONOS_CONFIG_SERVICE_CREDENTIALS_FILE, reason, error);
    }
    return check(natsOptions_SetUserCredentialsFromFiles(options, file, NULL), config,
                 CRONOS_CONFIG_SERVICE_CREDENTIALS_FILE, error);
}

static gboolean set_behaviour(natsOptions *options, const CronosConfig *config, GError **error)
{
    g_autofree char *name = g_strdup_printf("cronos on %s", g_get_host_name());
    const natsStatus statuses[] = {
        natsOptions_SetName(options, name),
        natsOptions_SetAllowReconnect(options, false),
        natsOptions_SetNoEcho(options, true),
        natsOptions_SetTimeout(options, CONNECT_TIMEOUT_MS),
        natsOptions_SetPingInterval(options, PING_INTERVAL_MS),
        natsOptions_SetWriteDeadline(options, WRITE_DEADLINE_MS),
    };

    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++)
        if (!check(statuses[i], config, CRONOS_CONFIG_SERVICE_URL, error))
            return FALSE;
    return TRUE;
}

natsOptions *cronos_connection_options(const CronosConfig *config, GError **error)
{
    g_autoptr(NatsOptions) options = NULL;

    if (!check(natsOptions_Create(&options), config, CRONOS_CONFIG_SERVICE_URL, error) ||
        !set_behaviour(options, config, error) || !set_servers(options, config, error) ||
        !set_tls(options, config, error) || !set_user(options, config, error) ||
        !set_token(options, config, error) || !set_credentials(options, config, error))
        return NULL;
    return g_steal_pointer(&options);
}

gboolean cronos_connection_check(const CronosConfig *config, GError **error)
{
    natsOptions *options = NULL;

    if (check_names(config, error))
        options = cronos_connection_options(config, error);
    if (options == NULL)
        return FALSE;
    natsOptions_Destroy(options);
    warn_of_open_secrets(config);
    return TRUE;
}
