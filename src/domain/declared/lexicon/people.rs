//! Whom it concerns, and what they are asked to do.

use super::super::role::Role;

pub(super) const WORDS: &[(Role, &str)] = &[
    (Role::You, "you|your|yours|ihr|sie|euer|eure|ihre|ihren|vous|votre|vos|usted|你|您"),
    (
        Role::Yours,
        "your|yours|eure|euren|ihre|ihren|votre|vos|您的|你的|相应|to your|in your|from your|of your|into your|on your",
    ),
    (
        Role::ToYours,
        "to your|in your|from your|of your|into your|on your|in ihrer|in eurer|in eure|in ihre|dans votre|dans vos|à votre|de votre",
    ),
    (
        Role::Us,
        "we|this release|this version|this update|the release|the update|wir|nous|diese version|dieses release|cette version|本版本|此版本",
    ),
    (Role::Myself, "i|my|ich|mein|meine|je|mon|ma|mes"),
    (
        Role::Relies,
        "relied on|rely on|relies on|relying on|depend on|depends on|depended on|built on|counted on|that use|that used|that call|that called|that parse|that parsed|that read|that send|that sent|that expect|that expected|that match|that set|that still|which use|who use|who used|who relied|who set|who run|whoever|anyone who|anybody who|everyone who|everybody who|those who|those that|people who|scripts|integrations|automations|bookmarks|wer|quiconque|ceux qui|依赖|who mounts|who mount|with a custom|custom themes|custom css|custom templates|your scripts|your dashboards|your alerts|reverse proxies|health checks",
    ),
    (
        Role::Peer,
        "client|clients|agent|agents|plugin|plugins|node|nodes|browser|browsers|app|apps|device|devices|runner|runners|sdk|sdks|worker|workers|server|servers|klienten|agenten|navigateurs|客户端|浏览器|节点",
    ),
    (
        Role::Nobody,
        "do nothing|does nothing|need nothing|needs nothing|nothing specific|nothing special|is unaffected|are unaffected|no change is necessary|no changes are necessary|no hace falta|no es necesario|no hay que|特に作業は必要ありません|won't find any|will not find any|none this time|not this time|nobody|no one|niemand|personne n|you don't have to|you do not have to|don't need to|do not need to|need not|needn't|no need to|nothing changes|nothing to do|are not affected|is not affected|not concerned|aren't affected|nothing else changes|without you|keine aktion|kein handlungsbedarf|rien à faire|nothing is required|nothing has to|nothing needs to|不受影响|müssen nichts|muss nichts|rien ne change|n'avez rien|ändert sich nichts|not required to|nicht betroffen|pas concerné*|there is no need to|there's no need to|is no need to|no need for|no action is needed|no action is required|no action needed|no action required|nothing needs|nothing else needs|does not concern you|doesn't concern you|does not affect you|doesn't affect you|do not have to do|don't have to do|no changes that require|no changes are needed|no changes are required|no changes needed|no change is needed",
    ),
    (
        Role::Optional,
        "if you want|if you like|if you wish|if you would like|if you prefer|if you use the new|opt-in|opt in|optional*|experimental|preview|beta feature|for those who|can be switched on|can be turned on|can be enabled|once enabled|behind a flag|behind a feature flag|when enabled|if enabled|to enable|to try|to use the new|wer möchte|wer mag|wer will|wenn sie möchten|bei bedarf|wahlweise|experimentell*|auf wunsch|si vous souhaitez|si vous voulez|facultati*|expérimental*|可选|如需|如果需要|实验性|按需|voluntary|who want|once it is enabled|once it is on|when it is enabled|if it is enabled|once switched on|if switched on|if turned on|once turned on|technical preview|tech preview|early access|in beta|public beta|for testing|opcional*|facoltativ*|opzional*|optionnel*|необязательн*|to offer it|to use it|to enable it|to try it|to turn it on|to switch it on|to activate it|to have it|to allow it|to offer this|to use this|to enable this|to verify them|to verify the|to verify our|to verify an|to verify it",
    ),
    (
        Role::NewOnly,
        "new installation*|new installs|new install|fresh install*|fresh installation*|new deployment*|new instance*|new projects|new users|new accounts|newly created|neue installation*|neuinstallation*|neuen installation*|neu angelegte*|bei neuinstallation*|nouvelles installation*|nouvelle installation|nouveaux projets|新安装|新部署|全新安装|新建|installing needs|installation needs|setup needs|setup requires|installing requires|installation requires",
    ),
    (
        Role::Builders,
        "source tree|technical stuff|technical debt|technical cleanup|développement|support for building|building from source|build from source|built from source|builds from source|compiling from source|compile from source|compile it yourself|build it yourself|building it yourself|packager*|packaging|maintainers of packages|distributors|contributor*|developers of|for developers|to build|for building|when building|building the|build the|compiler|compiling|compile|toolchain|aus den quellen|quelltext*|selbst baut|selbst bauen|selbst übersetzt|zum bauen|paketbauer*|paketierer*|compiler soi-même|compilation|depuis les sources|code source|empaqueteur*|packageurs|从源码|源码编译|编译|构建|打包|source builds|development|entwicklung|entwickler|pour les développeurs|开发者|the build|our build|build requires|build needs|our builds|nightly build|nightly builds|nightly images",
    ),
    (
        Role::Elsewhere,
        "linux package*|os package*|system package*|helm chart|helm values|chart|homebrew|brew|windows|macos|mac|installer|deb package|debian package*|rpm package*|rpm|snap|flatpak|apt|systemd|msi|binary release*|tarball*|android|ios|desktop app|mobile app|browser extension|npm package|pip package|bare metal|bare-metal|paquet* debian|paquet deb|安装包|iphone|pypi|maven|nuget|crates.io|client library|client libraries|python client|javascript client|js client|go client|java client|client sdk|sdk|sdks|terraform provider|ansible role|ansible collection|demo site|our demo*|example configuration|example config*|sample config*|default branch|our website|our chat|our forum|our blog|home assistant add-on|unit file|in the cloud|cloud only|issue tracker|our tracker|bug tracker|ppa|hosted plan|our hosted|in the example|the examples|example compose*|aur|the website|the web site|project page|the forum|the mailing list",
    ),
    (Role::Developers, "helm|developers|entwickler|développeurs|开发者"),
    (
        Role::Appendix,
        "checksum*|sha256*|prüfsumme*|sommes de contrôle|校验*|contributors|artifacts|assets|downloads|download|installation|install|installing|getting started|verification|verify|signature|signatures|credits|sponsors|acknowledgements|mitwirkende|danksagung*|remerciements|images|docker images|container images|贡献者|下载|安装",
    ),
    (
        Role::Upkeep,
        "chore|chores|maintenance|housekeeping|under the hood|wartung|maintenance interne|continuous integration|tooling|infrastructure|维护|杂项",
    ),
    (
        Role::Do,
        "vérifiez vos|vérifiez votre|vérifiez que|überprüfen sie|upgrade the|upgrade it|upgrade all|upgrade them|upgrade your|upgrade every|update all|log in|confirm|sign in as|turn it on|turn it off|bring|finish|cancel|revoke|reissue|register|pass|carry|keep a copy of|save a copy of|plan|allow|reserve|migrate your|switch your|move your|rename your|sauvegardez|run|execute|launch|set|edit|replace|rename|delete|remove|stop|export|make sure|ensure|adapt|adjust|update your|update the|convert|rebuild|reindex|copy|move|hand|configure|switch|point|clear|dump|restore|enable|disable|migrate|grant|re-run|rerun|recreate|re-create|regenerate|create|apply|change|put|add|give|rewrite|review your|check your|check that|check whether|drain|shut down|scale|truncate|flush|rotate|provide|define|go to|upgrade to|update to|first upgrade|first update|upgrade first|mount|wait|purge|wipe|save|empty|call|open|turn off|turn on|re-enter|reconnect|reimport|import|chown|stay|reset|transfer|re-login|download|tell|take|use the command|complete|let|leave|back up the|back up your|send|click|tick|press the|free|make room|obtain",
    ),
    (
        Role::Asked,
        "denken sie daran|denkt daran|nicht vergessen|vergessen sie nicht|ejecute|ejecutad|実行してください|変更してください|設定してください|更新してください|してください|may be necessary|might be necessary|may need to|might need to|may have to|might have to|il peut être nécessaire|kann nötig sein|kann es nötig sein|可能需要|please fix|please correct|upgrade order|update order|expect downtime|expect a downtime|expect some downtime|downtime is needed|downtime is required|required actions|necessary steps|required steps|necessary actions|notwendige schritte|actions nécessaires|étapes nécessaires|必要操作|sauvegardez|mettez à jour|renseignez|accordez|redémarrez|vérifiez que|videz|montez|appliquez|utilisez d'abord|请手工|请先将|需要手动|需要修改|需要在|需要执行|需修改|请挂载|请升级到|请备份|exécutez|lancez|définissez|modifiez|remplacez|renommez|supprimez|arrêtez|adaptez|copiez|créez|configurez|déplacez|ajoutez|reconstruisez|migrez|convertissez|sauvegardez d'abord|passez|手动执行|手动运行|请先|请执行|请运行|请手动|请相应|请修改|请调整|请将|请停止|请在|手动|需手动|需先|先执行|先停止|先升级|先运行|请设置|请更新|请重新|请删除|务必|manual steps|manual step|manual intervention|manual action*|manual work|action required|action needed|actions required|by hand|handarbeit|von hand|manuelle schritte|manueller schritt|manuelle eingriffe|manueller eingriff|intervention manuelle|action requise|actions requises|manuellement|à la main|manually|手工|人工|pensez à|n'oubliez pas|veillez à|assurez-vous|denken sie daran|vergessen sie nicht|don't forget to|do not forget to|remember to|be sure to|请务必|别忘|eseguire|esegui|eseguite|manualmente|execute|выполните|запустите|вручную|handmatig|voer|uruchom|wykonaj|ręcznie|yourself|yourselves|on your own|vous-même|自行|실행하세요*|실행해야*|수동으로",
    ),
    (Role::Please, "por favor|please fix|please correct|please|bitte|veuillez|merci de|prière de|请"),
    (
        Role::Done,
        "ejecutar|ejecutado|cambiar|renombrar|borrar|eliminar|detener|actualizar|configurar|reconstruir|einhängen|eingehängt|umhängen|umgehängt|nachziehen|einspielen|eingespielt|erteilen|vergeben|hinterlegen|hinterlegt|umstellen|rewired|reissued|revoked|pointed|taken|carried|passed|registered|sauvegarder|sauvegardé*|accorder|renseigner|renseigné*|redéfinir|配置|挂载|开启|授予|指定|edited|rewritten|changed|adapted|adjusted|updated|set|run|executed|converted|created|renamed|replaced|moved|stopped|deleted|granted|rebuilt|migrated|configured|added|copied|handed|regenerated|recreated|reindexed|dumped|restored|put|removed|exported|upgraded|drained|emptied|mounted|chosen|entered|finished|disabled|enabled|cleared|given|ausgeführt|ausführen|ausgeführt werden|gesetzt|setzen|angepasst|anpassen|gestoppt|stoppen|angelegt|anlegen|ersetzt|ersetzen|umbenannt|umbenennen|gelöscht|löschen|geändert|ändern|kopiert|kopieren|verschoben|verschieben|umgestellt|eingetragen|eintragen|aktualisieren|aufrufen|aufgerufen|angehalten|anhalten|beendet|beenden|umschreiben|umgeschrieben|erstellt|erstellen|neu aufbauen|migrieren|konfigurieren|ergänzen|sichern|gesichert|einmal|exécuter|exécuté*|lancer|lancé*|définir|défini*|modifier|modifié*|adapter|adapté*|remplacer|remplacé*|arrêter|arrêté*|supprimer|vider|vidé*|créer|créé*|renommer|copier|copié*|déplacer|mettre à jour|reconstruire|recréer|convertir|migrer|passer|installer|configurer|relancer|réexécuter|réindexer|执行|运行|修改|设置|停止|调整|替换|删除|更新|升级|重建|创建|迁移|备份",
    ),
    (Role::Adapt, "adapt|adjust|convert|change|update your|check your|review your|update the"),
    (
        Role::Maker,
        "disable|enable|turn off|turn on|change|switch|set|use|bind|run|make|raise|lower|increase|decrease|reduce|rename|move|enforce|restrict|limit",
    ),
    (
        Role::Guard,
        "skip|skips|removing a|removing an|removing the|warn|warns|show|shows|display|displays|explain|explains|deleting a|deleting an|deleting the|renaming a|renaming an|renaming the|moving a|moving the|prevent|prevents|avoid|avoids|ensure|ensures|handle|handles|tolerate|don't|do not|never|verhinder*|vermeid*|évite*|empêche*|避免|防止|确保",
    ),
    (Role::Casual, "immediately|at once|right away|restart|redeploy|report|join|as soon as possible"),
    (Role::Advised, "recommended|recommend|we recommend|wird empfohlen|recommandé*|建议|推荐"),
    (
        Role::Standing,
        "upgrade the image|update the image|upgrade the container|update the container|upgrade the chart|update the stack|back up the|back up your|image tag|recreate the container*|recreate your container*|recreate containers|back up|backup|backups|back-up|have a copy|take a copy|make a copy|have a backup|read the|pull the|pull|just pull|compose file|the stack|using these commands|using the following command*|with the following command*|following command*|helm repo|as always|as usual|wie immer|comme toujours|一如既往|sichern|sicherung*|datensicherung*|sauvegard*|备份|see the|have a look|let us know|thank*|star us|follow us|visit|enjoy|have fun|take the new image|docker compose pull|docker pull|helm upgrade|upgrade now|upgrade to this|update to this|review the|danke|merci à|reload the page|clear your browser|should upgrade|should update|upgrade to the latest|update to the latest|are advised to upgrade|advised to update|encouraged to upgrade|encouraged to update|plan an upgrade|plan the upgrade|plan your upgrade|update urgency|upgrade urgency",
    ),
    (
        Role::Workaround,
        "workaround*|mitigation|mitigations|mitigate|can't update|cannot update|can't upgrade|cannot upgrade|can not upgrade|can not update|unable to update|unable to upgrade|not able to upgrade|not able to update|nicht aktualisieren können|nicht aktualisieren kann|ne pouvez pas mettre à jour|暂时无法升级|无法立即升级|known issue*|known problem*|known bug*|known limitation*|bekannte probleme|bekannte fehler|problèmes connus|已知问题|umgehung*|contournement*|临时方案|缓解措施",
    ),
    (
        Role::Lockstep,
        "the same version|same version|the same release|in lockstep|in lock-step|together with the server|along with the server|at once with|gleiche version|gleichen version|même version|相同版本|同一版本|the same time|at the same time",
    ),
    (
        Role::Jump,
        "installed over|upgraded from|updated from|upgrade from|update from|upgrading from|updating from|upgrade directly|update directly|upgraded directly|updated directly|direct upgrade*|direct update*|jump from|jumping from|skip versions|skipping versions|direktes upgrade|direktes update|direkt von|mise à jour directe|directement depuis|直接升级|直接从|跨版本|no upgrade from|no upgrade path|no update path|no upgrade|kein upgrade|aucune mise à niveau",
    ),
    (
        Role::Downtime,
        "downtime|is down|are down|goes down|offline|unavailable|not available|out of service|not reachable|unreachable|maintenance window|nicht erreichbar|ausfallzeit|hors ligne|indisponible|停机|不可用",
    ),
    (
        Role::Rolling,
        "mixed cluster*|mixed version*|mixed-version*|rolling update*|rolling upgrade*|rolling restart*|zero-downtime*|zero downtime*|hot upgrade*|滚动升级|滚动更新",
    ),
];
