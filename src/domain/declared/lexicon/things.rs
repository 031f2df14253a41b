//! What it happens to.

use super::super::role::Role;

pub(super) const WORDS: &[(Role, &str)] = &[
    (
        Role::Thing,
        "opción|opciones|puerto|puertos|fichero|ficheros|archivo|archivos|variable|variables|contraseña|usuario|parámetro|parámetros|設定|ポート|オプション|環境変数|エンドポイント|コマンド|ファイル|support for|healthcheck|cmd|workdir|working directory|ui|gui|frontend|console|dashboard|dashboards|theme|themes|widget|widgets|exporter|exporters|connector|connectors|adapter|adapters|sink|sinks|annotation|annotations|crd|crds|attribute|attributes|property|properties|algorithm*|cipher*|codec*|daemon|binary|binaries|listener|listeners|listen|listens|integration|integrations|module|modules|library|function|functions|feature|engine|rule|rules|policy|policies|certificate|certificates|password|passwords|secret|secrets|session|sessions|account|accounts|signup|registration|registrierung|anmeldung|inscription|connexion|prefix|präfix|préfixe|suffix|host|hosts|request|requests|methods|method|uris|uri|event|events|topic|topics|queue|queues|注册|登录|前缀|账号|请求|setting|settings|option|options|flag|flags|switch|parameter|parameters|key|keys|field|fields|endpoint|endpoints|route|routes|api|apis|port|ports|path|paths|folder|folders|directory|directories|metric|metrics|label|labels|header|headers|cookie|cookies|command|commands|subcommand|argument|arguments|user|uid|gid|image|images|container|configuration|config|format|formats|syntax|protocol|protocols|plugin|plugins|extension|extensions|hook|hooks|webhook|webhooks|output|outputs|template|templates|entrypoint|shell|volume|volumes|mount|url|urls|address|scope|scopes|token|tokens|permission|permissions|role|roles|status|code|codes|section|sections|response|responses|file name*|driver|drivers|backend|backends|provider|providers|login|sign-in|authentication|support|mode|storage|scheme|timeout|socket|service|services|client|clients|column|columns|query|queries|payload*|tls|umgebungsvariable*|variable*|einstellung*|schalter|schlüssel|schnittstelle*|endpunkt*|pfad*|ordner|verzeichnis*|benutzer|metrik*|kennzahl*|befehl*|abbild*|unterstützung|vorlage*|adresse*|feld*|felder|dienst|konfiguration*|paramètre*|clé|clés|chemin*|dossier*|répertoire*|utilisateur*|interface*|prise en charge|métrique*|commande*|modèle*|service*|fichier*|configuration*|conteneur*|配置|选项|参数|变量|接口|端口|路径|目录|用户|镜像|指标|支持|字段|命令|容器|密钥|协议|模板|格式|插件|服务|地址|标签|remove support|drop support|drops support|dropped support|removed support|removal of support|dropping support|removes support|end support|ends support|ended support|stop supporting|stops supporting|stopped supporting|status code|status codes|http status|error code|error codes|exit code|exit codes|exit status|tool|tools|root|names|timestamps|values|logs|log lines|helm values|tag|tags|symlink*|cron*|schedule*|limit|limits|retention|threshold*|interval*|locale*|time zone|timezone|charset|encoding|credentials|credential|group|groups|environment|environment variables|ids|id|dates|date|order|precedence|cors|csp|home directory|chart values|sitzung|sitzungen|gültigkeit|jetons|jeton|kennwörter|passwörter|bash|curl|параметр|параметры|порт|переменная|переменной|настройка|опция|формат|файл|parametro|parametri|opzione|opzioni|porta|variabile|variabili|parâmetro|opção|variável|optie|poort|variabele|instelling|parametr|opcja|zmienna|포트*|옵션*|설정*|환경*|변수*|functionality|features|capability|capabilities|two factors|two-factor*|second factor|2fa|mfa|basic auth|page size|body size|file size|upload size",
    ),
    (
        Role::Product,
        "stdout|stderr|syslog|journald|docker engine|engine|kubelet|gpu|cuda|vulkan|libc|musl|systemd|ie11|node 18|node 20|helm 3|opentelemetry|ldaps|webdav|imap|pop3|ftp|nfs|smb|smtp|postgresql|postgres|mysql|mariadb|redis|valkey|sqlite|php|node|node.js|nodejs|kubernetes|elasticsearch|opensearch|mongodb|python|java|jdk|jre|ruby|arm|arm32|armv6|armv7|armhf|arm/v6|arm/v7|i386|386|32-bit|x86|s390x|ppc64le|riscv64|openssl|tls|ldap|saml|docker|compose|cpu|cpus|processor*|prozessor*|processeur*|glibc|linux|kernel|kafka|rabbitmq|nats|etcd|oracle|mssql|s3|oidc|oauth|ingress|32 bit|32 位|处理器|架构|x86-64-v2|x86-64-v3|avx|avx2|alpine|debian|browser*|xml|soap|json|yaml|http|plattform*|platform*|plateforme*|prometheus|memcached|clickhouse|cassandra",
    ),
    (
        Role::Default,
        "por defecto|predeterminado|predeterminada|既定|デフォルト|初期値|off by default|disabled by default|not enabled by default|on by default|enabled by default|standardmäßig aus|désactivé* par défaut|默认关闭|default|defaults|by default|standardmäßig|standard*|voreinstellung*|voreingestellt*|vorgabe*|par défaut|défaut|默认|缺省|default-*|по умолчанию|predefinito|predefinita|di default|padrão|por padrão|standaard|domyślnie|domyślny|기본값*|기본*",
    ),
    (
        Role::Runs,
        "bind to|binds to|bound to|listens on|listen on|lauscht auf|écoute sur|监听|runs as|run as|running as|läuft als|läuft unter|s'exécute en tant*|tourne en tant*|s'exécute sous|tourne sous|运行用户|用户运行|身份运行|以非|runs under|non-root|rootless|nonroot|unprivileged|as user|utilisateur non",
    ),
    (
        Role::Contract,
        "format|formats|syntax|api|apis|signature|semantics|behavior|behaviour|protocol|schema|layout|structure|verhalten|schnittstelle|comportement|syntaxe|格式|语法|行为|接口|payload|payloads|body|shape|units",
    ),
    (
        Role::Format,
        "shape|format|formats|layout|structure|structures|schema|encoding|aufbau|struktur|speicherformat|格式|结构|布局|disposition|arborescence",
    ),
    (
        Role::Data,
        "datos|tablas|base de datos|データベース|データ|テーブル|migration runs|migrations run|the migration runs|background migration*|database migration*|schema migration*|data migration*|bump schema|bumps schema|bump the schema|bumps the schema|schema bump|new database schema|new schema|schema version*|databases|database|db|schema|schemas|datenbank*|schéma|base de données|bases de données|数据库|数据|表结构|daten|données|data|rows|column|columns|spalte*|colonne*|tables|table|datenbestand|storage|store|index|indexes|indices|indizes|索引|index*|datasets|collections|volume|база данных|базы данных|данные|banca dati|banco de dados|gegevens|baza danych|bazy danych|dati|dados|schema change*|db change*|database change*|db migration*|데이터베이스*|데이터*",
    ),
    (
        Role::Stored,
        "media|medias|médias|medien|passwords|password|attachments|attachment|thumbnails|thumbnail|embeddings|photos|photo|pictures|documents|messages|entries|records|posts|files|stored files|uploads|history|blobs|objects|events|hashes|checksums|previews|episodes|bookmarks|tags|items|segments|chunks|blocks|datensätze|dateien|anhänge|passwörter|vorschaubilder|nachrichten|fotos|fichiers|pièces jointes|mots de passe|vignettes|文件|附件|密码|缩略图|消息|照片|记录",
    ),
    (
        Role::Disk,
        "on the disk|on disk|on-disk|of the disk|of stored|stored data|data folder|data directory|datafile*|data file*|storage engine|snapshot|snapshots|wal|auf der platte|auf dem datenträger|gespeicherte*|sur le disque|stocké*|磁盘|存储|快照|persisted|stored|kept|at rest|of the database|of the index|of the store|of the cache|der datenbank|de la base|in the database",
    ),
    (
        Role::Image,
        "image|images|container|containers|docker image|docker images|abbild|abbilder|conteneur|conteneurs|imagen|镜像|容器",
    ),
    (
        Role::Unit,
        "seconds|milliseconds|minutes|hours|bytes|kilobytes|utc|sekunden|millisekunden|secondes|millisecondes|秒|毫秒|string|strings|integer|integers|boolean|array|an array|object|uuid|uuids|numbers|iso 8601|unix time|epoch|json|base64",
    ),
    (
        Role::Resource,
        "memory|cpu|ram|image size|bundle size|startup time|start time|latency|disk usage|disk space|queries|allocations|speicherbedarf|speicherverbrauch|mémoire|内存|response time*|load time*|loading time*|build time*|boot time*|cold start*",
    ),
    (
        Role::Package,
        "package|packages|library|libraries|dependency|dependencies|module|paket|pakete|bibliothek|paquet|paquets|query|queries|benchmark|test|operation|scenario|feature|features|funktion|fonctionnalité|软件包|依赖",
    ),
    (
        Role::Looks,
        "button|buttons|icon|icons|panel|panels|tab|tabs|sidebar|navbar|menu|menus|tooltip*|modal|modals|dialog|dialogs|popup*|toast|avatar|avatars|font|fonts|color|colors|colour|colours|css|class|classes|div|spinner|placeholder|footer|link|links|row|rows|hover|dropdown|dropdowns|screen|screens|homepage|toolbar|badge|badges|banner|banners|logo|logos|animation|animations|heading|headings|title|titles|text|wording|layout|emoji|emojis|checkbox|checkboxes|accordion|loader|dimmer|markup|theme colors|schaltfläche*|symbol*|bouton*|按钮|图标|样式|irreversible action*|irreversible delet*|irreversible operation*|irreversible step*",
    ),
    (
        Role::Inside,
        "features warning|deprecation warning*|expired|temporary|idle|orphaned|ruff|flake8|prettier|pytest|jest|vite|webpack|pnpm|yarn|poetry|mypy|lodash|husky|renovate|dependabot|codecov|golangci-lint|pre-commit|storybook|rollup|esbuild|babel|scrollbar*|padding|margin*|border|borders|border-*|spacing|icon|icons|tooltip*|animation*|extra|useless|unneeded|unnecessary|superfluous|needless|noisy|verbose|stale|polyfill*|build image|build images|release script*|tox|eslint|helper|helpers|leftover*|duplicate|duplicates|duplicated|debug line*|debug log*|debug output|debugging|log message*|stray|noise|outdated pages|console output|dead link*|unreachable code|vestige*|überbleibsel|doppelte|日志|冗余|dependency|dependencies|dead code|unused|tests|test|flaky|internal|internals|internally|typo|typos|lint|linter|ci|refactor*|makefile|benchmark*|fixture*|mock*|badge*|comments|todo*|crate|crates|left-pad|whitespace|code style|warnings|devcontainer|github actions|testsuite|redundant|obsolete code|unnötig*|intern|interne|interner|internes|tests unitaires|依赖|测试|内部|重构|代码|boilerplate|snapshot tests|codebase|the code|our code|source code|code cleanup|code clean-up|code cleanups|lines of code|code quality|code base|code generation|generated code|code path|code paths|code review|refactoring|code mort|toter code|toten code|死代码|无用代码|insignificant|not for changelog|no changelog entry|no cl entry|not user-visible|no user-visible|left-over|left-overs|fixtures|fixture|for maintainers|release process|release checklist|unreleased|never released|not yet released|lines added|moved on to|codeowners|gitignore|editorconfig",
    ),
    (
        Role::Workshop,
        "framework|frameworks|linter|linters|bundler|bundlers|import|imports|pipeline*|workflow|workflows|runner*",
    ),
    (
        Role::Edition,
        "paid edition|paid plan*|paid tier*|paid version|enterprise edition|enterprise plan*|enterprise tier*|enterprise version|enterprise license*|enterprise licence*|enterprise feature|premium|premium plan*|pro edition|pro plan*|pro version|business plan*|commercial edition|commercial license*|commercial licence*|unternehmensversion|bezahlversion|version payante|édition entreprise|企业版|专业版|付费版",
    ),
    (Role::ByDefault, "by default|standardmäßig|par défaut|默认|per default"),
    (
        Role::Docs,
        "docs|documentation|document|documented|readme|chapter|manual|handbook|handbuch|dokumentation|beschrieben|kapitel|wiki|文档|手册|guide*|tutorial*|faq|translations|translation*",
    ),
    (
        Role::Tool,
        "importer|importers|import from|importing|migration assistant|migration tool*|migration wizard|migration guide*|assistant*|assistent*|wizard*|migrate your data from|migrate from|migration from|migrating from|migrations-*|importieren|importeur|outil de migration|迁移工具|导入|工具|migration helper|compare*|detects|detect|linter|how to mark|how to write|list breaking*|lists breaking*|show breaking*|shows breaking*|finds breaking*|badge*|show a|shows a|warn about|warns about|the list of breaking*|asistente*|assistente*|мастер|tells what|shows what|lists what|tells which|shows which|lists which",
    ),
    (
        Role::Requirements,
        "requirements|requirement|voraussetzungen|anforderungen|systemvoraussetzungen|prérequis|系统要求",
    ),
    (
        Role::Steps,
        "required actions|necessary steps|required steps|necessary actions|notwendige schritte|actions nécessaires|étapes nécessaires|必要操作|to-do|manual steps|manual step|manual intervention|manual action*|action required|action needed|actions required|special steps|upgrade steps|update steps|further steps|extra steps|additional steps|manuelle schritte|manueller schritt|manuelle eingriffe|manueller eingriff|manuellen schritte|intervention manuelle|étapes manuelles|action requise|actions requises|手动操作|手动步骤|人工操作|steps|schritte|étapes|action|aktion*|handlung*|manual work|downtime|special action|to do|actions|步骤|manual upgrade",
    ),
    (
        Role::Existing,
        "that still|who still|which still|still set|still use|still using|still running|existing|old|older|bestehende*|vorhandene*|alte|alten|bisherige*|existants|existantes|existant|anciens|anciennes|ancien|ancienne|现有|旧|已有",
    ),
    (
        Role::Older,
        "older versions|older version|old versions|older servers|older server|older binaries|older releases|older release|older ones|older clients|previous version*|previous release*|old version|earlier version*|earlier release*|former version*|ältere*|älteren|vorgänger*|frühere*|vorherige*|anciennes versions|ancienne version|version* précédente*|version* antérieure*|旧版本|旧版|老版本|older code|the old code|old binaries|older nodes",
    ),
    (
        Role::New,
        "new|another|different|other|changed|changes|neu|neue|neuen|neues|andere*|geändert|nouveau|nouvelle|autre|différent*|新|另一|不同|更改|变更|v2|v3|v4",
    ),
    (
        Role::Better,
        "faster|quicker|schneller|plus rapide*|smoother|nicer|clearer|更快|更清晰|smaller|lighter|kleiner|plus petit*|plus léger*|更小|更轻",
    ),
    (
        Role::Less,
        "lowered|lower|relaxed|relaxes|loosened|gesenkt|abaissé*|less memory|less disk|less room|less cpu|fewer|weniger speicher|weniger|moins de|更少|cut from|cut to|cut down|cut by|halved|down by|down from|a third of|half of|half the|weniger als|réduit*|减少|less",
    ),
    (
        Role::Good,
        "available|supported|possible|allowed|configurable|documented|translated|generally available|ga|safer|tested|optional|stable|kept|preserved|remembered|sorted|hidden|easier|ready|back|cached|compressed|logged|validated|checked|localised|localized",
    ),
    (
        Role::Gains,
        "contains|contain|includes|include|supports|support|accepts|accept|offers|offer|provides|ships with|ship with|comes with|come with|understands|understand|knows|handles|handle|shows|show|displays|display|remembers|remember|lists|list|logs|log|reports|report|tells|tell|warns|warn|finds|find|follows|follow|honours|honors|respects|works with|work with|works on|enthält|unterstützt|zeigt|zeigen|kennt|bietet|contient|affiche|accepte|propose|prend en charge|gère|包含|支持|显示|提供",
    ),
    (
        Role::Shown,
        "angezeigt|printed|shown|displayed|visible|listed|highlighted|rendered|drawn|affich*|sichtbar|显示|展示",
    ),
    (
        Role::Works,
        "admite|funciona|arranca|acepta|soporta|compatible con|サポート|isn't supported|aren't supported|is not supported|are not supported|support for|part of|building|publishing|shipping|providing|offering|accepting|serving|reading|maintaining|connect|connects|start as|runs on|run on|loads|answer|answers|found|looked for|considered|trusted|kept|printed|returned by|exposed|zugelassen|angezeigt|geöffnet|ausgeliefert|lus|pris en compte|fourni|livré*|livrée*|servi*|开放|监听|读|not supported|nicht unterstützt|不支持|pas pris* en charge|support|supported|supports|supporting|unterstützt|pris* en charge|works|work|contains|contain|read|reads|accept|accepts|accepted|available|load|loaded|ship|ships|shipped|include|includes|included|publish|publishes|published|exist|exists|written|start|starts|run|runs|sent|send|sends|built|build|honoured|honored|recogni*|understood|understands|listens|listen|serves|served|serve|provides|provide|provided|exposes|expose|allowed|valid|built-in|bundled|bundle|enabled|gelesen|liest|verfügbar|enthält|enthalten|mitgeliefert*|akzeptiert|funktion*|angeboten|lu|lue|lues|valable*|valide*|disponible*|fourni*|contient|accepte*|accepté*|支持|提供|可用|包含|兼容|接受|读取|生效|evaluated|ausgewertet|beachtet|berücksichtigt|respected|looked at|installed|used|set|maintained|possible|möglich|interprété*|reconnu*|listet|applied|inherits|inherit|trusts|geladen|exported|emitted|reported|returned|returns|falls back|fall back|creates|created|reachable|erreichbar|joignable|accessible|accessibles|可访问|지원되지*|지원하지*|treated as|interpreted as|regarded as|parsed as|taken as|pushed",
    ),
    (
        Role::Mishap,
        "supprime|suppriment|efface|effacent|perd|perdent|bloque|bloquent|bloqué*|plante|plantent|échoue|échouent|duplique|dupliquent|écrase|ralentit|löscht|verliert|verlieren|blockiert|überschreibt|logs|leaks|prints|flashes|duplicates|removes|deletes|resets|reset|closes|kills|restarts|shows|annoying|twice|grow|grows|overlap*|disappear*|locked|lock|gesperrt|doppelt|disparaissent|réinitialis*|重置|卡顿|泄漏|ignored|lost|required|needed|necessary|crash*|fail|fails|failing|hang|hangs|blocks|logged out|leak*|slow*|truncated|cut|jump*|flicker*|duplicate*|overwritten|stretched|shown twice|wrong*|panic*|freez*|stuck|missing|broken|breaks|error*|empty|forgotten|forget*|loses|lose|swallow*|spam*|interrupt*|abort*|stall*|delay*|times out|bricht|abstürz*|stürzt|hängt|verloren|nötig|notwendig|erforderlich|perd*|plante|bloque*|nécessaire*|丢失|崩溃|报错|卡住|闪烁|重复|失败|treated as error*|treated as an error|treated as failure*|treated as a failure|reported as error*|reported as an error|break",
    ),
    (
        Role::Burden,
        "newline|newlines|testcase|testcases|race|races|race condition*|bottleneck*|deadlock*|limitation|limitations|restriction|restrictions|the need|a need|need for|the requirement|obstacle*|delay|delays|overhead|lag|flicker*|glitch*|confusion|ambigu*|assertion*|warning|warnings|race-condition*|memory leak*|leak|leaks|flash|noise|clutter|limit of|the limit|duplicates|typo*|hang|crash|cause|causes|source of|allocations|allocation|roundtrip*|round trip*|lock|locks|copies|copy|einschränkung*|beschränkung*|begrenzung*|limite|restriction*|限制|瓶颈|confusing|annoying|misleading|wrong|broken|ugly|outdated|cryptic|doublons|doublon*|duplikate|dublette*|重复|obsolete hint|limits|caps|cap|limit|unnecessary|superfluous|pointless|redundant|double|doubled|twice|two times|by mistake|at random|randomly|doppelt|deux fois|dos veces|flooded|spammed|expensive|slow|costly|inefficient|blocking|beta label*|beta tag*|beta badge*|beta mark*|preview label*|preview badge*|experimental label*|experimental badge*|experimental tag*|experimental mark*|trailing space*|trailing whitespace*|stray|full table scan*|table scan*",
    ),
    (
        Role::Leak,
        "in the log|in the logs|in logs|to the log|to the logs|debug log|access log|clear text|cleartext|plain text|plaintext|im klartext|en clair|明文",
    ),
    (
        Role::Read,
        "restored|imported|opened|connect|talk|see|sees|join|make sense of|verbinden|se connecter|连接|look at|read|open|check|understand|use|load|start|handle|decode|parse|lesen|öffnen|verstehen|starten|lire|ouvrir|comprendre|读取|打开|识别|access|decrypt|know|knows|gelesen|write",
    ),
];
