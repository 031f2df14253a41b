//! The words that notes are made of, in four languages, by what they do in a sentence.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::role::Role;

/// Those of one role are separated by bars; a star stands for any ending.
const WORDS: &[(Role, &str)] = &[
    (
        Role::Lockstep,
        "the same version|same version|the same release|in lockstep|in lock-step|together with the server|along with the server|at once with|gleiche version|gleichen version|même version|相同版本|同一版本|the same time|at the same time",
    ),
    (Role::Until, "until|till|bis|jusqu'à|jusqu'en|直到"),
    (
        Role::Us,
        "we|this release|this version|this update|the release|the update|wir|nous|diese version|dieses release|cette version|本版本|此版本",
    ),
    (
        Role::Wiped,
        "purged|purges|wiped|wipes|erased|erases|deleted|discarded|discards|emptied|cleared|truncated|dropped|lost|gelöscht|geleert|verworfen|supprimé*|vidé*|effacé*|清空|删除|丢弃|empty database|from scratch|start over|starts over|start anew|starts anew|fresh database|leere datenbank|leeren datenbank|base vide|空数据库",
    ),
    (
        Role::Package,
        "package|packages|library|libraries|dependency|dependencies|module|paket|pakete|bibliothek|paquet|paquets|query|queries|benchmark|test|operation|scenario|feature|features|funktion|fonctionnalité|软件包|依赖",
    ),
    (
        Role::Leak,
        "in the log|in the logs|in logs|to the log|to the logs|debug log|access log|clear text|cleartext|plain text|plaintext|im klartext|en clair|明文",
    ),
    (Role::Myself, "i|my|ich|mein|meine|je|mon|ma|mes"),
    (
        Role::Reverts,
        "revert|reverts|reverted|rolled back the|back out|backed out|takes back|took back|zurückgenommen|annule|annulé|回滚|撤销",
    ),
    (Role::Without, "without|ohne|sans|sin|没有|未带"),
    (
        Role::Resource,
        "memory|cpu|ram|image size|bundle size|startup time|start time|latency|disk usage|disk space|queries|allocations|speicherbedarf|speicherverbrauch|mémoire|内存",
    ),
    (
        Role::Jump,
        "installed over|upgraded from|updated from|upgrade from|update from|upgrading from|updating from|upgrade directly|update directly|upgraded directly|updated directly|direct upgrade*|direct update*|jump from|jumping from|skip versions|skipping versions|direktes upgrade|direktes update|direkt von|mise à jour directe|directement depuis|直接升级|直接从|跨版本|no upgrade from|no upgrade path|no update path|no upgrade|kein upgrade|aucune mise à niveau",
    ),
    (
        Role::Downtime,
        "downtime|is down|are down|goes down|offline|unavailable|not available|out of service|not reachable|unreachable|maintenance window|nicht erreichbar|ausfallzeit|hors ligne|indisponible|停机|不可用",
    ),
    (Role::Did, "returned|answered|showed|sent|printed|displayed|wrote|counted|opened|crashed|failed|lost"),
    (
        Role::Good,
        "available|supported|possible|allowed|configurable|documented|translated|generally available|ga|safer|tested|optional|stable|kept|preserved|remembered|sorted|hidden|easier|ready|back|cached|compressed|logged|validated|checked|localised|localized",
    ),
    (
        Role::Image,
        "image|images|container|containers|docker image|docker images|abbild|abbilder|conteneur|conteneurs|imagen|镜像|容器",
    ),
    (
        Role::Relies,
        "relied on|rely on|relies on|relying on|depend on|depends on|depended on|built on|counted on|that use|that used|that call|that called|that parse|that parsed|that read|that send|that sent|that expect|that expected|that match|that set|that still|which use|who use|who used|who relied|who set|who run|whoever|anyone who|anybody who|everyone who|everybody who|those who|those that|people who|scripts|integrations|automations|bookmarks|wer|quiconque|ceux qui|依赖|who mounts|who mount|with a custom|custom themes|custom css|custom templates|your scripts|your dashboards|your alerts|reverse proxies|health checks",
    ),
    (Role::You, "you|your|yours|ihr|sie|euer|eure|ihre|ihren|vous|votre|vos|usted|你|您"),
    (
        Role::Gains,
        "contains|contain|includes|include|supports|support|accepts|accept|offers|offer|provides|ships with|ship with|comes with|come with|understands|understand|knows|handles|handle|shows|show|displays|display|remembers|remember|lists|list|logs|log|reports|report|tells|tell|warns|warn|finds|find|follows|follow|honours|honors|respects|works with|work with|works on|enthält|unterstützt|zeigt|zeigen|kennt|bietet|contient|affiche|accepte|propose|prend en charge|gère|包含|支持|显示|提供",
    ),
    (
        Role::Shown,
        "angezeigt|printed|shown|displayed|visible|listed|highlighted|rendered|drawn|affich*|sichtbar|显示|展示",
    ),
    (
        Role::Burden,
        "race|races|race condition*|bottleneck*|deadlock*|limitation|limitations|restriction|restrictions|the need|a need|need for|the requirement|obstacle*|delay|delays|overhead|lag|flicker*|glitch*|confusion|ambigu*|assertion*|warning|warnings|race-condition*|memory leak*|leak|leaks|flash|noise|clutter|limit of|the limit|duplicates|typo*|hang|crash|cause|causes|source of|allocations|allocation|roundtrip*|round trip*|lock|locks|copies|copy|einschränkung*|beschränkung*|begrenzung*|limite|restriction*|限制|瓶颈|confusing|annoying|misleading|wrong|broken|ugly|outdated|cryptic|doublons|doublon*|duplikate|dublette*|重复|obsolete hint|limits|caps|cap|limit|unnecessary|superfluous|pointless|redundant|double|doubled|twice|two times|by mistake|at random|randomly|doppelt|deux fois|dos veces|flooded|spammed",
    ),
    (Role::Relative, "who|which|that|whether|what|why|wer|welche|welcher|qui|quels|quelles|哪些"),
    (
        Role::ToYours,
        "to your|in your|from your|of your|into your|on your|in ihrer|in eurer|in eure|in ihre|dans votre|dans vos|à votre|de votre",
    ),
    (
        Role::Habit,
        "every night|every day|every hour|once a day|once an hour|once a week|daily|hourly|weekly|nightly|after a week|after a day|after a while|periodically|regularly|from time to time|täglich|nächtlich|stündlich|wöchentlich|jede nacht|chaque nuit|chaque jour|每天|定期|时显示|时会|时提示|时需确认|时自动|when a|when an|whenever",
    ),
    (
        Role::Stored,
        "passwords|password|attachments|attachment|thumbnails|thumbnail|embeddings|photos|photo|pictures|documents|messages|entries|records|posts|files|stored files|uploads|history|blobs|objects|events|hashes|checksums|previews|episodes|bookmarks|tags|items|segments|chunks|blocks|datensätze|dateien|anhänge|passwörter|vorschaubilder|nachrichten|fotos|fichiers|pièces jointes|mots de passe|vignettes|messages|文件|附件|密码|缩略图|消息|照片|记录",
    ),
    (
        Role::Other,
        "different|differently|another|otherwise|other than before|in another way|not the same|anders|andere|anderer|anderes|anderen|autrement|différemment|autre|不同|另外的|differ|differs|unterscheiden|diffèrent",
    ),
    (
        Role::Also,
        "also|additionally|in addition|auch|ebenfalls|zusätzlich|aussi|également|en plus|también|也|同样|同时",
    ),
    (Role::Every, "all|every|each|everyone|everybody|alle|alles|jede*|tous|toutes|chaque|所有|全部|每个"),
    (Role::Fails, "fail|fails|fail to|fails to"),
    (
        Role::Looks,
        "button|buttons|icon|icons|panel|panels|tab|tabs|sidebar|navbar|menu|menus|tooltip*|modal|modals|dialog|dialogs|popup*|toast|avatar|avatars|font|fonts|color|colors|colour|colours|css|class|classes|div|spinner|placeholder|footer|link|links|row|rows|hover|dropdown|dropdowns|screen|screens|homepage|toolbar|badge|badges|banner|banners|logo|logos|animation|animations|heading|headings|title|titles|text|wording|layout|emoji|emojis|checkbox|checkboxes|accordion|loader|dimmer|markup|theme colors|schaltfläche*|symbol*|bouton*|按钮|图标|样式",
    ),
    (Role::Should, "should"),
    (
        Role::Incompatible,
        "cambios incompatibles|cambio incompatible|rompe la compatibilidad|互換性のない|後方互換性|破壊的変更|破壊的|changes in behavior|changes in behaviour|change in behavior|change in behaviour|bc break*|bc-break*|major changes|incompatibilities|not backward*|wichtige änderungen für betreiber|changements majeurs|changements cassants|will break|can break|may break|重大变更|非兼容|breaking change*|breaking-change*|incompatible|backward* incompatib*|backwards-incompatible*|backward-incompatible*|backwards incompatible|behavioral change*|behavioural change*|behavior change*|behaviour change*|verhaltensänderung*|compatibility note*|compatibility change*|api change*|inkompatib*|inkompatible|nicht kompatibel|incompatib* |changement* incompatible*|rupture de compatibilité|non rétrocompatible*|pas compatible*|not compatible|isn't compatible|不兼容|破坏性|not work as before|not work like before|works differently|braking change*|break existing|no longer compatible|nicht mehr kompatibel|breaking api|breaking config*|breaks existing|breaks compatibility|breaks backward*|breaks old*|breaks all|breaks any|breaks every|breaks your|breaks clients|breaks plugins|breaks the api|breaks the old*|breaks the contract|this breaks|it breaks|which breaks|that breaks|breaks api|breaks config*|breaks scripts|breaks with|несовместим*|ломающие изменения|modifiche incompatibili|cambiamenti incompatibili|modifica incompatibile|alterações incompatíveis|mudanças incompatíveis|incompatibele wijziging*|niet compatibel|breekt|zmiany niezgodne|niekompatybiln*|호환되지*|호환성을*",
    ),
    (Role::Breaking, "breaking|rupture*|brk"),
    (
        Role::Not,
        "ni|ningún|ninguna|sin|ありません|不要です|nothing|there are no|there is no|there were no|es gibt keine|il n'y a pas|no|not|none|without|never|kein|keine|keinen|keiner|keinerlei|ohne|nicht|aucun|aucune|pas de|pas d|sans|non|nein|无|无需|没有|未|不含|不需要|不必|不涉及|don't|doesn't|does not|do not|isn't|aren't|neither|nor|не требуется|нет|non serve|nessuna|nessun|nenhuma|nenhum|não|geen|brak|bez",
    ),
    (
        Role::Nobody,
        "no hace falta|no es necesario|no hay que|特に作業は必要ありません|won't find any|will not find any|none this time|not this time|nobody|no one|niemand|personne n|you don't have to|you do not have to|don't need to|do not need to|need not|needn't|no need to|nothing changes|nothing to do|are not affected|is not affected|not concerned|aren't affected|nothing else changes|without you|keine aktion|kein handlungsbedarf|rien à faire|nothing is required|nothing has to|nothing needs to|不受影响|müssen nichts|muss nichts|rien ne change|n'avez rien|ändert sich nichts|not required to|nicht betroffen|pas concerné*|there is no need to|there's no need to|is no need to|no need for|no action is needed|no action is required|no action needed|no action required|nothing needs|nothing else needs|does not concern you|doesn't concern you|does not affect you|doesn't affect you|do not have to do|don't have to do|no changes that require|no changes are needed|no changes are required|no changes needed|no change is needed",
    ),
    (
        Role::NoLonger,
        "ya no|サポートしなくなり|できなくなり|使えなくなり|no longer|no more|any longer|any more|anymore|not any more|nicht mehr|keine * mehr|kein * mehr|nicht länger|ne plus|plus pris|n'est plus|ne sont plus|n'accepte plus|n'écoute plus|n'a plus|n'ont plus|ne prend plus|n'existe plus|n'existent plus|ne fonctionne plus|ne fonctionnent plus|plus possible|plus compatible*|不再|已不|ne contient plus|ne lit plus|n'inclut plus|ne démarre plus|ceased to|ceases to|stops to|stopped|stop publishing|stops|plus disponible*|ne sera plus|plus lu*|nicht weiter|больше не|non è più|non sono più|non più|não é mais|não são mais|já não|deixa de|deixou de|niet langer|niet meer|już nie|non supporta più|non funziona più|더 이상",
    ),
    (
        Role::Works,
        "admite|funciona|arranca|acepta|soporta|compatible con|サポート|isn't supported|aren't supported|is not supported|are not supported|support for|part of|building|publishing|shipping|providing|offering|accepting|serving|reading|maintaining|connect|connects|start as|runs on|run on|loads|answer|answers|found|looked for|considered|trusted|kept|printed|returned by|exposed|zugelassen|angezeigt|geöffnet|ausgeliefert|lus|pris en compte|fourni|livré*|livrée*|servi*|开放|监听|读|not supported|nicht unterstützt|不支持|pas pris* en charge|support|supported|supports|supporting|unterstützt|pris* en charge|works|work|contains|contain|read|reads|accept|accepts|accepted|available|load|loads|loaded|ship|ships|shipped|include|includes|included|publish|publishes|published|publishing|exist|exists|written|start|starts|run|runs|sent|send|sends|built|build|honoured|honored|recogni*|understood|understands|listens|listen|serves|served|serve|provides|provide|provided|exposes|exposed|expose|allowed|valid|built-in|bundled|bundle|enabled|trusted|gelesen|liest|verfügbar|enthält|enthalten|mitgeliefert*|akzeptiert|funktion*|angeboten|lu|lus|lue|lues|valable*|valide*|disponible*|fourni*|contient|accepte*|accepté*|支持|提供|可用|包含|兼容|接受|读取|生效|evaluated|ausgewertet|beachtet|berücksichtigt|respected|looked at|installed|used|set|maintained|possible|möglich|interprété*|reconnu*|listet|applied|inherits|inherit|trusts|answers|geladen|exported|emitted|reported|returned|returns|falls back|fall back|creates|created|reachable|erreichbar|joignable|accessible|accessibles|可访问|지원되지*|지원하지*",
    ),
    (
        Role::Mishap,
        "logs|leaks|prints|flashes|duplicates|removes|deletes|resets|reset|closes|kills|restarts|shows|annoying|twice|grow|grows|overlap*|disappear*|locked|lock|gesperrt|doppelt|disparaissent|réinitialis*|重置|卡顿|泄漏|ignored|lost|required|needed|necessary|crash*|fail|fails|failing|hang|hangs|blocks|logged out|leak*|slow*|truncated|cut|jump*|flicker*|duplicate*|overwritten|stretched|shown twice|wrong*|panic*|freez*|stuck|missing|broken|breaks|error*|empty|forgotten|forget*|loses|lose|swallow*|spam*|interrupt*|abort*|stall*|delay*|times out|bricht|abstürz*|stürzt|hängt|verloren|nötig|notwendig|erforderlich|perd*|plante|bloque*|nécessaire*|丢失|崩溃|报错|卡住|闪烁|重复|失败",
    ),
    (
        Role::Removed,
        "se elimina|se eliminan|eliminado|eliminada|eliminados|eliminadas|se retira|se retiran|suprimido|suprimida|削除しました|削除されました|廃止しました|廃止されました|廃止|サポートを終了|サポート終了|is gone|are gone|was removed|were removed|been removed|was dropped|were dropped|been dropped|been retired|was retired|were retired|was discontinued|been discontinued|was deleted|been deleted|ist weg|sind weg|wurde entfernt|wurden entfernt|a été supprimé*|ont été supprimé*|a été retiré*|a disparu|history|is history|are history|geschichte|de l'histoire ancienne|fin du support|fin de la prise en charge|ende der unterstützung|unterstützung endet|support ends|support has ended|终止支持|停止支持|end of life|taken out|takes out|take out|said goodbye to|say goodbye|gives way to|give way to|makes way for|make way for|lost its meaning|lost their meaning|removal|removals|withdrawn|vanished|vanishes|phased out|went away|goes away|go away|thrown out|switched off|turned off|shut down|eliminated|abolished|pulled|is no more|are no more|no longer part of|no longer there|left out|has ended|have ended|cut off|fliegt raus|fliegen raus|fällt raus|fallen raus|fällt|fallen|abgeschaltet|entfernung*|weg ist|weggelassen|verabschiede*|suppression*|a été retiré*|prend fin|prennent fin|enlevé*|停用|关闭了|不提供|已关闭|dropping support|dropping|removes support|removed|dropped|gone|discontinued|retired|taken away|taken out|switched off for good|has been deleted|was deleted|were deleted|have been deleted|has left|no more|entfernt|entfällt|entfallen|fällt weg|fallen weg|weggefallen|gestrichen|abgeschafft|eingestellt|abgekündigt und entfernt|gibt es nicht mehr|supprimé|supprimée|supprimés|supprimées|retiré|retirée|retirés|retirées|disparaît|disparaissent|disparu*|abandonné*|abandonne|移除|删除|去除|下线|取消|废除|剔除|已删|unsupported|does not exist|do not exist|ended support|end of support|ends support|stopped publishing|stop publishing|removing|turned off for good|say goodbye to|says goodbye to|drops support|dropped support|removed support|removal of support|stops supporting|stopped supporting|parted with|part with|parts with|part ways|had to go|has to go|have to go|bid farewell|farewell|farewell to|stripped from|was stripped|were stripped|axed|scrapped|purged from|ditched|thing of the past|things of the past|laid to rest|put to rest|ripped out|torn out|bows out|bow out|have gone|has gone|no longer with us|kicked out|weeded out|unbundled|decommissioned|mothballed|wound down|pulled the plug|se va|ha muerto|n'est plus là|tire sa révérence|disparait|weicht|weichen|raus|hinfällig|下架|不复存在|退役|come to an end|comes to an end|came to an end|reaches its end|reached its end|part of the enterprise|only in the enterprise|threw out|throw out|throws out|done away with|do away with|does away with|gave up|give up on|let go of|удалён|удалена|удалено|удалены|удален|удалили|убран|убрана|убраны|убрали|больше нет|rimosso|rimossa|rimossi|rimosse|eliminato|eliminata|eliminati|eliminate|removido|removida|removidos|removidas|verwijderd|vervallen|vervalt|usunięto|usunięty|usunięta|goodbye|adieu|so long|auf wiedersehen|再见|took it out|take it out|took them out|take them out|gave way to|rem|del|제거*|삭제되*|삭제했*|지원 중단*",
    ),
    (
        Role::Remove,
        "sunset|end support|ending support|stop supporting|stop building|eliminate|abandon|remove|drop|retire|discontinue|stop publishing|remove support|drop support|removes|drops",
    ),
    (
        Role::Renamed,
        "se llama ahora|pasa a llamarse|renombrado|renombrada|se renombra|名称を変更|名前を変更|に改名|changed to|was changed to|changes to|became|wurde zu|wurden zu|expected in|expected at|expected under|looked for in|looked for at|goes by|go by|is spelled|under the name|moved|moves|s'appellent|se nomme*|passe sous|传入|改到|移入|挪到|is found|are found|to be found|now found|renamed|was moved|were moved|moved to|moved from|has moved|have moved|moved into|moves to|moves from|moves into|has become|have become|becomes|is called|are called|called|replaced by|replaced with|is replaced|are replaced|superseded by|merged into|split into|heißt jetzt|heißt nun|heißt ab|heißen jetzt|heißen nun|heißt künftig|heißt|heißen|umbenannt|verschoben|umgezogen|ersetzt durch|ersetzt|an ihre stelle|an seine stelle|ist jetzt|sind jetzt|liegt jetzt|liegen jetzt|renommé*|s'appelle*|rebaptisé*|déplacé*|remplacé*|devient|deviennent|更名为|改名为|重命名为|移至|移到|移动到|迁移至|替换为|更名|改名|取代|renames|rename|move|now lives in|now live in|lives in|live in|has a new name|have new names|have other names|has another name|wandert*|différent*|other names|takes the place of|take the place of|took the place of|points to|point to|now lives|now live|lives under|live under|lives at|live at|resides in|reside in|sits in|sits under|kept in|kept under|stored in|stored under|read from|written to|got the prefix|get the prefix|gets the prefix|carry the prefix|prefixed with|ended up in|restructured|reorganised|reorganized|regrouped|переименован*|теперь называется|rinominato|rinominata|rinominati|si chiama ora|renomeado|renomeada|renomeados|passa a chamar-se|hernoemd|heet nu|heet voortaan|zmieniono nazwę|is now called|are now called|is now named|are now named|now called|gave way to|이름이 변경*|이름을 변경*",
    ),
    (
        Role::Default,
        "por defecto|predeterminado|predeterminada|既定|デフォルト|初期値|off by default|disabled by default|not enabled by default|on by default|enabled by default|standardmäßig aus|désactivé* par défaut|默认关闭|default|defaults|by default|standardmäßig|standard*|voreinstellung*|voreingestellt*|vorgabe*|par défaut|défaut|默认|缺省|default-*|по умолчанию|predefinito|predefinita|di default|padrão|por padrão|standaard|domyślnie|domyślny|기본값*|기본*",
    ),
    (
        Role::Now,
        "ahora|a partir de ahora|今後|になりました|are now errors|are now an error|this version will|this release will|this update will|diese version wird|cette version va|ist jetzt|ist nun|ist künftig|sind jetzt|sind nun|est désormais|sont désormais|est maintenant|sont maintenant|现为|现在是|is now|are now|is on now|is off now|out of the box|unless told otherwise|starts as|ab jetzt|nunmehr|à présent|dès à présent|désormais|now named|now|jetzt|nun|maintenant|现在|改为|已改|已改为|变更为|改成|变为|调整为|nunmehr|seitdem|today|as of today|теперь|adesso|ora|agora|voortaan|teraz|is now called|are now called|is now named|are now named|now called",
    ),
    (
        Role::FromNowOn,
        "not optional|no longer optional|nicht mehr optional|不再可选|sind pflicht|ist pflicht|from now on|from this version on|from this release on|as of this version|as of this release|as of now|starting with this|since this version|since this release|ab sofort|ab jetzt|ab dieser version|mit dieser version|von nun an|künftig nur|désormais|dorénavant|à partir de cette version|à partir de maintenant|从此版本|从本版本|自本版本|此版本起|本版本起|今后|henceforth",
    ),
    (
        Role::Was,
        "where it had|where it was|where there was|wo bisher|là où|older|previous|previously called|formerly called|known as|before|vorherig*|bislang|旧的|以前|was|were|previously|formerly|before that|used to|until now|so far|auparavant|bisher|vorher|früher|zuvor|statt bisher|jusqu'ici|jusqu'à présent|précédemment|原为|之前为|此前|原来|原先|原|until|old|alte|alten|alter|altes|ancien|ancienne|anciens|anciennes|旧",
    ),
    (
        Role::Instead,
        "instead of|in place of|rather than|and not|but not|no longer to|statt|anstatt|anstelle|und nicht|au lieu de|au lieu d|au lieu du|et non|et non plus|à la place d*|而不是|而非|代替|改为|改成|passe de|passent de|wechselt von|changes from|changed from|goes from|from *  to|由|is the new|raised to|lowered to|reduced to|raised from|lowered from|reduced from|increased from|increased to|shortened to|verschärft|passe à|passent à|steigt auf|sinkt auf|went from|вместо|invece di|al posto di|em vez de|in plaats van|zamiast",
    ),
    (
        Role::Changed,
        "更新日志|更新内容|更新记录|cambiado|cambiada|cambia|cambian|変更しました|変更されました|変更|changed to|was changed to|changes to|changed|changes|change|geändert|ändert|ändern|verändert|modifié*|change*|变更|更改|调整|修改了|reset|raised|lowered|switched|other|stricter|strenger|umgestellt|изменения|изменено|изменён*|modifiche|modificato|cambiamenti|alterações|mudanças|wijzigingen|gewijzigd|zmiany|zmieniono|changé|a changé|ont changé|gesenkt|erhöht|chg|differ|differs|differ from|unterscheiden|diffèrent|변경*",
    ),
    (
        Role::Required,
        "requiere|requerido|requerida|necesita|obligatorio|obligatoria|必須|必要です|必要になりました|not optional|no longer optional|nicht mehr optional|n'est plus facultati*|不再可选|built for|compiled for|gebaut für|required from now on|wants|want|will need|would need|needed|needs to have|is a must|won't run without|does not run without|braucht|brauchen|setzt voraus|voraussetzung|verlangt nun|a besoin|il faut|仅支持|只支持|需升级|requires|require|required|needs|need|mandatory|demands|expects|wants|erforderlich|nötig|benötigt|benötigen|verlangt|braucht|erwartet|pflicht|vorausgesetzt|setzt|nécessite*|requis*|requiert|exige*|obligatoire*|必须|要求|需要|必填|必需|essential|compulsory|nécessaire*|is necessary|are necessary|necessary|vonnöten|unabdingbar|indispensable*|prerequisite*|требуется|требуются|необходим*|нужен|нужна|нужно|richiede|richiesto|richiesta|è necessario|serve|requer|exige|é necessário|vereist|nodig|wymaga|필요합니다*|필요하*|필수*",
    ),
    (
        Role::Must,
        "debe|deben|hay que|es necesario|tiene que|may be necessary|might be necessary|may need to|might need to|may have to|might have to|il peut être nécessaire|kann nötig sein|kann es nötig sein|可能需要|must|have to|has to|need to|needs to|be sure to|are required to|is required to|be required to|muss|müssen|musst|il faut|doit|doivent|devez|devrez|faudra|必须|务必|须|需|需要|应先|you will have to|ought to|want|sollte|sollten|ist zu|sind zu|are asked to|is asked to|nötig|requires you to|action* required|wants to be|want to be|zwingend|vous devez|obliged to|you should|users should|operators should|admins should|administrators should|deployments should|everybody should|everyone should|clients should|необходимо|нужно|следует|bisogna|occorre|è necessario|dovete|deve|devono|é preciso|é necessário|moet|moeten|należy|trzeba",
    ),
    (
        Role::Minimum,
        "mínimo|mínima|como mínimo|o superior|以上が|以降が必要|minimum version|minimum requirement*|minimal|minimale|minimum requis*|version minimale|at a minimum|upwards|or better|and up|und neuer|ou plus|以上版本|最低版本|minimum|at least|or later|or newer|or higher|or above|and later|and newer|mindestens|oder neuer|oder höher|ab version|minimum supported|minimale*|ou plus récent*|ou ultérieur*|ou supérieur*|au moins|au minimum|最低|至少|及以上|或更高|以上|mindestversion|oldest supported|lowest supported|and above|минимальная|минимум|не ниже|versione minima|almeno|o superiore|versão mínima|pelo menos|ou superior|minimaal|of hoger|of nieuwer|co najmniej",
    ),
    (
        Role::Rejected,
        "is rejected|are rejected|is refused|are refused|is denied|are denied|aren't accepted|isn't accepted|is not accepted|are not accepted|werden abgelehnt|wird abgelehnt|sont refusé*|est refusé*|会被拒绝|are now errors|are errors|is an error|are now an error|turned away|turns away|an illegal instruction|bounce|bounced|zurückgewiesen|éconduit*|not looked at|not considered|no effect|without effect|has no effect|have no effect|nothing happens|not evaluated|not honoured|not honored|locked out|wirkungslos|ohne wirkung|nicht beachtet|nicht mehr beachtet|sans effet|不生效|无效|不会生效|refuses to start|refuse to start|stops the start|stop the start|rejected|rejects|refused|refuses|ignored|ignores|denied|not accepted|not read|not loaded|not understood|fails to start|won't start|will not start|does not start|doesn't start|do not start|stops at start|ends the start|exits with|exits without|exits if|exits when|aborts|abort the start|aborts the start|abgelehnt|abgewiesen|ignoriert|lehnt|startet nicht|refusé*|refuse*|rejeté*|ignoré*|ignore*|ne démarre pas|拒绝|忽略|无法启动|不会启动|error out|errors out|an error|invalid|ungültig|fehler|zurückgewiesen|blocked|forbidden|answers 4*|answer 4*|answer 410|answers 410|get a 4*|gets a 4*|returns 4*|return 4*|does nothing|do nothing|is a no-op|is skipped|are skipped|skipped|is left out|are left out|not served|not answered|not matched|geht ins leere|bewirkt nichts|n'a plus d'effet|没有作用|不起作用|reject|deny|denies|disallow|disallows|forbid|forbids",
    ),
    (
        Role::Runs,
        "bind to|binds to|bound to|listens on|listen on|lauscht auf|écoute sur|监听|runs as|run as|running as|läuft als|läuft unter|s'exécute en tant*|tourne en tant*|s'exécute sous|tourne sous|运行用户|用户运行|身份运行|以非|runs under|non-root|rootless|nonroot|unprivileged|as user|utilisateur non",
    ),
    (
        Role::Thing,
        "opción|opciones|puerto|puertos|fichero|ficheros|archivo|archivos|variable|variables|contraseña|usuario|parámetro|parámetros|設定|ポート|オプション|環境変数|エンドポイント|コマンド|ファイル|support for|healthcheck|cmd|workdir|working directory|ui|gui|frontend|console|dashboard|dashboards|theme|themes|widget|widgets|exporter|exporters|connector|connectors|adapter|adapters|sink|sinks|annotation|annotations|crd|crds|attribute|attributes|property|properties|algorithm*|cipher*|codec*|daemon|binary|binaries|listener|listeners|listen|listens|integration|integrations|module|modules|library|function|functions|feature|engine|rule|rules|policy|policies|certificate|certificates|password|passwords|secret|secrets|session|sessions|account|accounts|signup|registration|registrierung|anmeldung|inscription|connexion|prefix|präfix|préfixe|suffix|host|hosts|request|requests|methods|method|uris|uri|event|events|topic|topics|queue|queues|注册|登录|前缀|账号|请求|setting|settings|option|options|flag|flags|switch|variable|variables|parameter|parameters|key|keys|field|fields|endpoint|endpoints|route|routes|api|apis|port|ports|path|paths|folder|folders|directory|directories|metric|metrics|label|labels|header|headers|cookie|cookies|command|commands|subcommand|argument|arguments|user|uid|gid|image|images|container|configuration|config|format|formats|syntax|protocol|protocols|plugin|plugins|extension|extensions|hook|hooks|webhook|webhooks|output|outputs|template|templates|entrypoint|shell|volume|volumes|mount|url|urls|address|scope|scopes|token|tokens|permission|permissions|role|roles|status|code|codes|section|sections|response|responses|file name*|driver|drivers|backend|backends|provider|providers|login|sign-in|authentication|support|mode|storage|scheme|timeout|socket|service|services|client|clients|column|columns|query|queries|payload*|tls|umgebungsvariable*|variable*|einstellung*|schalter|schlüssel|schnittstelle*|endpunkt*|pfad*|ordner|verzeichnis*|benutzer|metrik*|kennzahl*|befehl*|abbild*|unterstützung|vorlage*|adresse*|feld*|felder|dienst|konfiguration*|paramètre*|clé|clés|chemin*|dossier*|répertoire*|utilisateur*|interface*|prise en charge|métrique*|commande*|modèle*|service*|fichier*|configuration*|adresse*|conteneur*|配置|选项|参数|变量|接口|端口|路径|目录|用户|镜像|指标|支持|字段|命令|容器|密钥|协议|模板|格式|插件|服务|地址|标签|remove support|drop support|drops support|dropped support|removed support|removal of support|dropping support|removes support|end support|ends support|ended support|stop supporting|stops supporting|stopped supporting|status code|status codes|http status|error code|error codes|exit code|exit codes|exit status|tool|tools|root|names|timestamps|values|logs|log lines|helm values|tag|tags|symlink*|cron*|schedule*|limit|limits|retention|threshold*|interval*|locale*|time zone|timezone|charset|encoding|credentials|credential|group|groups|environment|environment variables|ids|id|dates|date|order|precedence|cors|csp|home directory|chart values|sitzung|sitzungen|gültigkeit|jetons|jeton|kennwörter|passwörter|bash|curl|параметр|параметры|порт|переменная|переменной|настройка|опция|формат|файл|parametro|parametri|opzione|opzioni|porta|variabile|variabili|parâmetro|opção|variável|optie|poort|variabele|instelling|parametr|opcja|zmienna|포트*|옵션*|설정*|환경*|변수*",
    ),
    (
        Role::Product,
        "stdout|stderr|syslog|journald|docker engine|engine|kubelet|gpu|cuda|vulkan|libc|musl|systemd|ie11|node 18|node 20|helm 3|opentelemetry|ldaps|webdav|imap|pop3|ftp|nfs|smb|smtp|postgresql|postgres|mysql|mariadb|redis|valkey|sqlite|php|node|node.js|nodejs|kubernetes|elasticsearch|opensearch|mongodb|python|java|jdk|jre|ruby|arm|arm32|armv6|armv7|armhf|arm/v6|arm/v7|i386|386|32-bit|x86|s390x|ppc64le|riscv64|openssl|tls|ldap|saml|docker|compose|cpu|cpus|processor*|prozessor*|processeur*|glibc|linux|kernel|kafka|rabbitmq|nats|etcd|oracle|mssql|s3|oidc|oauth|ingress|32 bit|32 位|处理器|架构|x86-64-v2|x86-64-v3|avx|avx2|alpine|debian|browser*|xml|soap|json|yaml|http|imap|smtp|plattform*|platform*|plateforme*|prometheus|memcached|clickhouse|cassandra",
    ),
    (
        Role::Inside,
        "features warning|deprecation warning*|expired|temporary|idle|orphaned|ruff|flake8|prettier|pytest|jest|vite|webpack|pnpm|yarn|poetry|mypy|lodash|husky|renovate|dependabot|codecov|golangci-lint|pre-commit|storybook|rollup|esbuild|babel|scrollbar*|padding|margin*|border*|spacing|icon|icons|tooltip*|animation*|extra|useless|unneeded|unnecessary|superfluous|needless|noisy|verbose|stale|polyfill*|build image|build images|release script*|tox|eslint|helper|helpers|leftover*|duplicate|duplicates|duplicated|log line*|debug line*|debug log*|debug output|debugging|log message*|stray|noise|outdated pages|console output|dead link*|unreachable code|vestige*|überbleibsel|doppelte|日志|冗余|import|imports|dependency|dependencies|dead code|unused|tests|test|flaky|internal|internals|internally|typo|typos|lint|linter|ci|pipeline*|workflow|workflows|refactor*|runner*|makefile|benchmark*|fixture*|mock*|badge*|comments|todo*|crate|crates|left-pad|whitespace|code style|warnings|devcontainer|github actions|testsuite|redundant|obsolete code|unnötig*|intern|interne|interner|internes|tests unitaires|依赖|测试|内部|重构|代码|boilerplate|snapshot tests|codebase|the code|our code|source code|code cleanup|code clean-up|code cleanups|lines of code|code quality|code base|code generation|generated code|code path|code paths|code review|refactoring|code mort|toter code|toten code|死代码|无用代码|insignificant|not for changelog|no changelog entry|no cl entry|not user-visible|no user-visible|left-over|left-overs|fixtures|fixture|for maintainers|release process|release checklist|unreleased|never released|not yet released",
    ),
    (
        Role::Still,
        "sigue funcionando|siguen funcionando|igual que antes|引き続き|has not changed|have not changed|hasn't changed|haven't changed|did not change|didn't change|not changed|n'a pas changé|nicht geändert|没有变化|still work*|still works|still read|still accepted|still answer*|still valid|still supported|still|keep working|keeps working|keep work*|go on|goes on|continue*|unchanged|stays as|stay as|stays the|stay the|remain*|as before|as it was|as they were|as they are|as usual|both work*|works too|too|as well|the same|keep theirs|keep what|keep their|keeps|keep its|backward compatible|backwards compatible|backward-compatible|backwards-compatible|kompatibel|rückwärtskompatibel|funktioniert weiter*|funktionieren weiter*|gelten weiter*|gilt weiter*|weiterhin|bleibt|bleiben|unverändert|wie bisher|reste*|inchangé*|toujours|rétrocompatible*|continue*|comme avant|仍|仍然|仍可|保持|不变|继续|兼容旧|两者皆可|alias|as an alias|both names|both are|for compatibility|stays compatible|stay compatible|remains compatible|remain compatible|fully compatible|stays valid|stay valid|compatible with old|keep on working|everything keeps|bleibt kompatibel|reste compatible|restent valables|仍然有效|保持兼容|向后兼容|accept both|accepts both|both the old|sowohl|as 3.1 did|as it did|as they did|wie zuvor",
    ),
    (
        Role::Fixed,
        "corregido|corregida|corrige|arreglado|arreglada|correcciones|error corregido|errores corregidos|修正|不具合|works again|work again|is back|are back|comes back|bring back|brings back|brought back|re-add*|readd*|reintroduce*|restores|restore support|funktioniert wieder|funktionieren wieder|fonctionne à nouveau|fonctionne de nouveau|réapparai*|fix|fixed|fixes|bugfix|bug|bugs|bug fixes|repair|repaired|repairs|mend|mended|mends|restore the|restored the|restored support|corrected|correct|revert|reverts|reverted|regression|by accident|accidentally|behoben|behebt|korrektur*|korrigiert|fehlerbehebung*|repariert|corrigé*|correction*|corrige*|réparé*|修复|修正|解决|hotfix|patch changes|bugfixes|was reported|were reported|issue where|problem where|fehler|incorrectly|wrongly|mistakenly|erroneously|improperly|inadvertently|unintentionally|unintended|now correctly|now properly|correctly now|instead of failing|instead of panicking|instead of crashing|fälschlich*|fälschlicherweise|versehentlich|à tort|par erreur|错误地|误|resolved|resolves|resolve|closed issues|workaround|workarounds|instead of 500|instead of a 500|instead of an error|instead of null|instead of nothing|instead of crash*|instead of a crash|instead of a stack|instead of silently|instead of a blank|instead of an empty|at last|finally|backport|backports|backported|cherry-pick*|исправлено|исправлен*|исправления|corretto|corretta|corretti|correzioni|corrigido|corrigida|correções|opgelost|verholpen|naprawiono|addresses an issue|addressed an issue|addresses a bug|addresses several|addresses the issue|addressed a|addresses a|taken out again|taken back|was undone|were undone|backed out again|is undone|수정*|버그*",
    ),
    (
        Role::Added,
        "novedades|nuevo|nueva|nuevos|nuevas|añade|añadido|mejoras|mejora|新機能|追加|改善|新しく|add|added|adds|new|feature|features|feat|neu|neue|neuer|neues|neuen|hinzugefügt|neuerung*|neuigkeiten|nouveau|nouvelle|nouveautés|nouvel|nouvelles|ajouté|ajout*|新增|新功能|增加|添加|introduce*|enhancement*|improvement*|improve*|minor changes|highlights|what's new|performance|优化|改进|特性|verbesser*|amélior*|optimi*|speed*|faster|новое|добавлен*|добавлено|поддержка|aggiunto|aggiunta|aggiunti|novità|adicionado|adicionada|novidades|toegevoegd|nieuw|dodano|nowości|새로운*|추가*",
    ),
    (
        Role::Can,
        "puede|pueden|se puede|se pueden|permite|できるように|可能になりました|can|can now|could|may|might|lets|allow|allows|allowing|able|possible to|ability|support for|kann|können|lässt|lassen|erlaubt|möglich zu|peut|peuvent|on peut|permet*|pouvez|possibilité|可|可以|能|允许|支持|offer*|helps|help|asks before|option to|way to|button to|command to",
    ),
    (
        Role::Planned,
        "next major|next version|next release|next minor|upcoming|in the future|in future|in a future|future version*|future release*|planned|plan to|plans to|coming|will soon|soon be|later version|later release|eventually|nächsten version|nächste version|nächsten hauptversion|nächste hauptversion|kommende*|zukünftig*|geplant|prochaine*|future*|à venir|prévu*|下一个|下个|下一|未来|计划|后续版本|即将|roadmap|outlook|ausblick|perspectives|we intend|intend to|end of the year|next year|im nächsten|would|considering|prepare for|prepares for|prepare the|prepares the|preparation*|groundwork|vorbereitung*|préparation*|préparer|next lts|next one",
    ),
    (
        Role::Will,
        "will|will be|going to|shall|wird|werden|sera|seront|va|vont|将|将会|将于|mit version|in version|in release",
    ),
    (
        Role::Deprecated,
        "deprecated|deprecate|deprecates|deprecation*|deprecations|veraltet|abgekündigt|obsolète*|déprécié*|dépréciation*|弃用|废弃|不推荐|已废弃",
    ),
    (
        Role::Optional,
        "if you want|if you like|if you wish|if you would like|if you prefer|if you use the new|opt-in|opt in|optional*|experimental|preview|beta feature|for those who|can be switched on|can be turned on|can be enabled|once enabled|behind a flag|behind a feature flag|when enabled|if enabled|to enable|to try|to use the new|wer möchte|wer mag|wer will|wenn sie möchten|bei bedarf|wahlweise|experimentell*|auf wunsch|si vous souhaitez|si vous voulez|facultati*|expérimental*|可选|如需|如果需要|实验性|按需|voluntary|who want|once it is enabled|once it is on|when it is enabled|if it is enabled|once switched on|if switched on|if turned on|once turned on|technical preview|tech preview|early access|in beta|public beta|for testing|opcional*|facoltativ*|opzional*|optionnel*|необязательн*",
    ),
    (
        Role::NewOnly,
        "new installation*|new installs|new install|fresh install*|fresh installation*|new deployment*|new instance*|new projects|new users|new accounts|newly created|neue installation*|neuinstallation*|neuen installation*|neu angelegte*|bei neuinstallation*|nouvelles installation*|nouvelle installation|nouveaux projets|新安装|新部署|全新安装|新建",
    ),
    (
        Role::Builders,
        "support for building|building from source|build from source|built from source|builds from source|compiling from source|compile from source|compile it yourself|build it yourself|building it yourself|packager*|packaging|maintainers of packages|distributors|contributor*|developers of|for developers|to build|for building|when building|building the|build the|compiler|compiling|compile|toolchain|aus den quellen|quelltext*|selbst baut|selbst bauen|selbst übersetzt|zum bauen|paketbauer*|paketierer*|compiler soi-même|compilation|depuis les sources|code source|empaqueteur*|packageurs|从源码|源码编译|编译|构建|打包|source builds|development|entwicklung|entwickler|pour les développeurs|开发者|the build|our build|build requires|build needs|our builds|nightly build|nightly builds|nightly images",
    ),
    (
        Role::Elsewhere,
        "linux package*|os package*|system package*|helm chart|helm values|chart|homebrew|brew|windows|macos|mac|installer|deb package|debian package*|rpm package*|rpm|snap|flatpak|apt|systemd|msi|binary release*|tarball*|android|ios|desktop app|mobile app|browser extension|npm package|pip package|bare metal|bare-metal|paquet* debian|paquet deb|安装包|iphone|pypi|maven|nuget|crates.io|client library|client libraries|python client|javascript client|js client|go client|java client|client sdk|sdk|sdks|terraform provider|ansible role|ansible collection|demo site|our demo*|example configuration|example config*|sample config*|default branch|our website|our chat|our forum|our blog|home assistant add-on|unit file|in the cloud|cloud only|issue tracker|our tracker|bug tracker",
    ),
    (
        Role::Docs,
        "docs|documentation|document|documented|readme|chapter|manual|handbook|handbuch|dokumentation|beschrieben|kapitel|wiki|文档|手册|guide*|tutorial*|faq|translations|translation*",
    ),
    (
        Role::Tool,
        "importer|importers|import from|importing|migration assistant|migration tool*|migration wizard|migration guide*|assistant*|assistent*|wizard*|migrate your data from|migrate from|migration from|migrating from|migrations-*|importieren|importeur|outil de migration|迁移工具|导入|工具|migration helper|compare*|detects|detect|linter|how to mark|how to write|list breaking*|lists breaking*|show breaking*|shows breaking*|finds breaking*|badge*|show a|shows a|warn about|warns about|the list of breaking*|asistente*|assistente*|мастер",
    ),
    (
        Role::Do,
        "upgrade the|upgrade it|upgrade all|upgrade them|upgrade your|upgrade every|update all|log in|confirm|sign in as|turn it on|turn it off|bring|finish|cancel|revoke|reissue|register|pass|carry|keep a copy of|save a copy of|plan|allow|reserve|migrate your|switch your|move your|rename your|sauvegardez|run|execute|launch|set|edit|replace|rename|delete|remove|stop|export|make sure|ensure|adapt|adjust|update your|update the|convert|rebuild|reindex|copy|move|hand|configure|switch|point|clear|dump|restore|enable|disable|migrate|grant|re-run|rerun|recreate|re-create|regenerate|create|apply|change|put|add|give|rewrite|review your|check your|check that|check whether|drain|shut down|scale|truncate|flush|rotate|provide|define|go to|upgrade to|update to|first upgrade|first update|upgrade first|mount|wait|purge|wipe|save|empty|call|open|turn off|turn on|re-enter|re-create|reconnect|reimport|import|chown|stay|reset|transfer|re-login|download|tell|take|use the command|finish|complete|let|leave|back up the|back up your|send",
    ),
    (
        Role::Asked,
        "ejecute|ejecutad|実行してください|変更してください|設定してください|更新してください|してください|may be necessary|might be necessary|may need to|might need to|may have to|might have to|il peut être nécessaire|kann nötig sein|kann es nötig sein|可能需要|please fix|please correct|upgrade order|update order|expect downtime|expect a downtime|expect some downtime|downtime is needed|downtime is required|required actions|necessary steps|required steps|necessary actions|notwendige schritte|actions nécessaires|étapes nécessaires|必要操作|sauvegardez|mettez à jour|renseignez|accordez|redémarrez|vérifiez que|videz|montez|appliquez|utilisez d'abord|请手工|请先将|需要手动|需要修改|需要在|需要执行|需修改|请挂载|请升级到|请备份|exécutez|lancez|définissez|modifiez|remplacez|renommez|supprimez|arrêtez|adaptez|videz|copiez|créez|configurez|déplacez|ajoutez|reconstruisez|migrez|convertissez|sauvegardez d'abord|passez|手动执行|手动运行|请先|请执行|请运行|请手动|请相应|请修改|请调整|请将|请停止|请在|手动|需手动|需先|先执行|先停止|先升级|先运行|请设置|请更新|请重新|请删除|务必|manual steps|manual step|manual intervention|manual action*|manual work|action required|action needed|actions required|by hand|handarbeit|von hand|manuelle schritte|manueller schritt|manuelle eingriffe|manueller eingriff|intervention manuelle|action requise|actions requises|manuellement|à la main|manually|手工|人工|pensez à|n'oubliez pas|veillez à|assurez-vous|denken sie daran|vergessen sie nicht|don't forget to|do not forget to|remember to|be sure to|请务必|别忘|eseguire|esegui|eseguite|manualmente|execute|выполните|запустите|вручную|handmatig|voer|uruchom|wykonaj|ręcznie|yourself|yourselves|on your own|vous-même|自行|실행하세요*|실행해야*|수동으로",
    ),
    (Role::Please, "por favor|please fix|please correct|please|bitte|veuillez|merci de|prière de|请"),
    (
        Role::Done,
        "ejecutar|ejecutado|cambiar|renombrar|borrar|eliminar|detener|actualizar|configurar|reconstruir|einhängen|eingehängt|umhängen|umgehängt|nachziehen|einspielen|eingespielt|erteilen|vergeben|hinterlegen|hinterlegt|umstellen|rewired|reissued|revoked|pointed|taken|carried|passed|registered|sauvegarder|sauvegardé*|accorder|renseigner|renseigné*|redéfinir|配置|挂载|开启|授予|指定|edited|rewritten|changed|adapted|adjusted|updated|set|run|executed|converted|created|renamed|replaced|moved|stopped|deleted|granted|rebuilt|migrated|configured|added|copied|handed|regenerated|recreated|reindexed|dumped|restored|put|removed|exported|upgraded|drained|emptied|mounted|chosen|entered|finished|disabled|enabled|cleared|given|ausgeführt|ausführen|ausgeführt werden|gesetzt|setzen|angepasst|anpassen|gestoppt|stoppen|angelegt|anlegen|ersetzt|ersetzen|umbenannt|umbenennen|gelöscht|löschen|geändert|ändern|kopiert|kopieren|verschoben|verschieben|umgestellt|umstellen|eingetragen|eintragen|aktualisieren|aufrufen|aufgerufen|angehalten|anhalten|beendet|beenden|umschreiben|umgeschrieben|erstellt|erstellen|neu aufbauen|migrieren|konfigurieren|ergänzen|sichern|gesichert|einmal|exécuter|exécuté*|lancer|lancé*|définir|défini*|modifier|modifié*|adapter|adapté*|remplacer|remplacé*|arrêter|arrêté*|supprimer|vider|vidé*|créer|créé*|renommer|copier|copié*|déplacer|mettre à jour|reconstruire|recréer|convertir|migrer|passer|installer|configurer|relancer|réexécuter|réindexer|执行|运行|修改|设置|停止|调整|替换|删除|更新|升级|重建|创建|迁移|备份",
    ),
    (
        Role::Updating,
        "antes de actualizar|después de actualizar|tras actualizar|al actualizar|antes de la actualización|después de la actualización|アップデート後|アップデート前|更新後に|更新前に|アップグレード前|アップグレード後|once all|once every*|sobald alle|dès que tous|before anything else|first of all|as the first thing|zuallererst|avant tout|avant toute chose|to finish the upgrade|to complete the upgrade|before you roll*|before rolling*|before you deploy|before you install|before you switch|before the new version|before this version|before you begin|before you take this|before going to|while you upgrade|as part of the upgrade|as part of the update|vor der installation|vor dem einspielen|vor dem umstieg|nach dem einspielen|nach dem umstieg|bevor sie|bevor man|bevor ihr|avant d'installer|avant de passer|avant de déployer|après l'installation|avant toute mise à jour|après le déploiement|部署前|部署后|升级完成后|升级到此版本|升级至|before upgrading|before you upgrade|before updating|before you update|before the upgrade|before the update|before you start|before starting|before you pull|before you take|before installing|before deploying|after upgrading|after the upgrade|after the update|after updating|after you upgrade|after you update|when upgrading|when updating|when you upgrade|when you update|while upgrading|during the upgrade|prior to upgrading|prior to the upgrade|prior to updating|to upgrade|to update|upgrading requires|after installing|after deploying|once upgraded|once updated|once the new version|after the first start|afterwards|vor der aktualisierung|vor dem update|vor dem upgrade|vor dem start|vor dem ersten start|nach der aktualisierung|nach dem update|nach dem upgrade|bei der aktualisierung|beim update|beim aktualisieren|anschließend|danach|avant la mise à jour|avant de mettre à jour|avant la mise à niveau|avant de démarrer|après la mise à jour|après la mise à niveau|lors de la mise à jour|ensuite|升级前|升级后|升级时|更新前|更新后|启动前|升级之前|升级之后|更新之前|更新之后|before the first start|before it starts|before rolling out|before the rollout|after this update|after this upgrade|with the old version|from the old version|dopo l'aggiornamento|prima dell'aggiornamento|prima di aggiornare|dopo aver aggiornato|depois de atualizar|antes de atualizar|após a atualização|após atualizar|после обновления|перед обновлением|до обновления|na de update|voor de update|na het bijwerken|po aktualizacji|przed aktualizacją",
    ),
    (
        Role::Else,
        "until that|until it|until this|stays shut|stays closed|stay shut|bis dahin|bis das|until they|otherwise|or else|else|, or|or the|or it|or nobody|or they|or you|sonst|andernfalls|ansonsten|faute de quoi|sinon|sans quoi|否则|不然|so that it|until it is done|until you|as long as you|before anything works|to keep them|if you want to keep|to keep your|or all|or your|иначе|altrimenti|caso contrário|anders|w przeciwnym razie",
    ),
    (Role::First, "first|zuerst|zunächst|d'abord|au préalable|先|首先|vorher|beforehand"),
    (Role::Once, "once|one time|einmal|einmalig|une fois|une seule fois|一次|in this order"),
    (
        Role::Standing,
        "upgrade the image|update the image|upgrade the container|update the container|upgrade the chart|update the stack|back up the|back up your|image tag|recreate the container*|recreate your container*|recreate containers|back up|backup|backups|back-up|have a copy|take a copy|make a copy|have a backup|read the|pull the|pull|just pull|compose file|the stack|using these commands|using the following command*|with the following command*|following command*|helm repo|as always|as usual|wie immer|comme toujours|一如既往|sichern|sicherung*|datensicherung*|sauvegard*|备份|see the|have a look|let us know|thank*|star us|follow us|visit|enjoy|have fun|take the new image|docker compose pull|docker pull|helm upgrade|upgrade now|upgrade to this|update to this|review the|danke|merci à|reload the page|clear your browser|should upgrade|should update|upgrade to the latest|update to the latest|are advised to upgrade|advised to update|encouraged to upgrade|encouraged to update|plan an upgrade|plan the upgrade|plan your upgrade|update urgency|upgrade urgency",
    ),
    (
        Role::Migration,
        "migración|migraciones|migra|migran|migrar|マイグレーション|移行|migration runs|migrations run|the migration runs|background migration*|database migration*|schema migration*|data migration*|migration|migrations|migrate|migrates|migrated|migrating|datenmigration*|schemamigration*|datenbankmigration*|migriert|migrieren|migrierte*|migré|migrée|migrés|migrées|migrer|迁移|schema change*|schema upgrade*|schema update*|bump schema|bumps schema|bump the schema|bumps the schema|schema bump|data conversion|new database schema|new schema|schema version*|database version*|neues schema|neues datenbankschema|nouveau schéma|新的数据库结构|结构变更|表结构|schemaänderung*|umstellung der daten*|миграция|миграции|migrazione|migrazioni|migração|migratie|migracja|db change*|database change*|db migration*|마이그레이션*",
    ),
    (
        Role::Data,
        "datos|tablas|base de datos|データベース|データ|テーブル|migration runs|migrations run|the migration runs|background migration*|database migration*|schema migration*|data migration*|bump schema|bumps schema|bump the schema|bumps the schema|schema bump|new database schema|new schema|schema version*|databases|database|databases|db|schema|schemas|datenbank*|schéma|base de données|bases de données|数据库|数据|表结构|daten|données|data|rows|column|columns|spalte*|colonne*|tables|table|datenbestand|storage|store|index|indexes|indices|indizes|索引|index*|datasets|collections|volume|база данных|базы данных|данные|banca dati|banco de dados|gegevens|baza danych|bazy danych|dati|dados|schema change*|db change*|database change*|db migration*|데이터베이스*|데이터*",
    ),
    (
        Role::Converted,
        "imported|importiert|importé*|moved from|merged into|split into|moved into|moves into|moved to|moves to|have become|has become|becomes|zusammengelegt|zusammengeführt|fusionné*|encrypted anew|hashed anew|written anew|anew|encrypted again|computed again|computed anew|hashed again|one-time conversion|conversion|umwandlung|alters the|gets a column|get a column|gets a new column|new column|restructured|brought over|carried over|transcoded|upgraded in place|reshaped|regrouped|moves your|moves the files|moves files|packs|packed|repacks|wird umgebaut|werden umgebaut|übernommen|übertragen|überträgt|neu berechnet|neu verschlüsselt|vidé|vidée|rechiffré*|recopié*|reconverti*|restructuré*|加密|重新计算|重新加密|改写|升级表|回填|converted|converts|convert|moves every|moves all|moves the|moves them|moves your|move every|move into|moves into|moved|rewrites|rewritten|rewrite|upgraded|upgrades the|rebuilds|rebuilt|reindexed|reindexes|rehashed|re-encrypted|reencrypted|split in|split into|transferred|transforms|transformed|turned into|merged|re-encoded|recompressed|renumbered|reorganis*|reorganiz*|re-created|recreated|recalculated|reprocessed|backfilled|altered|alters|copied|copies all|copies every|copies the|migrated|migrates|überführt|umgewandelt|wandelt|umgestellt|migriert|konvertiert|verschoben|verschiebt|neu aufgebaut|umgeschrieben|umgezogen|umgebaut|neu geschrieben|neu verschlüsselt|aktualisiert das schema|angepasst|converti*|transformé*|migré*|réécrit*|déplac*|reconstruit*|transféré*|recalculé*|réindexé*|réorganisé*|转换|迁移|重写|重建|移动|转移|升级数据库|更新数据库|合并|adds a column|adds two columns|adds columns|changes the schema|upgrades the schema|rebuild|neu erzeugt|neu erstellt|neu generiert|regenerated|generated again|recréé*|regénéré*|重新生成|derived differently|indexed anew|indexed again|run through|reimported|purged|변환되*|변환됩*|turned to|sorts all|sorted into|rename every*|renames every*|renames all|rename all",
    ),
    (
        Role::AtStart,
        "al arrancar|en el primer arranque|automáticamente|初回起動時|起動時に|自動的に|comes up|while the server starts|while starting|during start|while the service comes up|beim hochkommen|the migration runs|migration runs|migrations run|the first start|while it starts|after the first start|after starting|once it has started|upon start*|upon first*|during the conversion|pendant la conversion|bei der umstellung|启动后|首次运行|第一次运行|takes a while|may take|can take|took about|dauert|peut durer|peut prendre|需要较长时间|耗时|at first start|on first start|at the first start|on the first start|first start|at start|on start|at startup|on startup|first startup|first launch|first run|first boot|at boot|on boot|starts for the first time|start for the first time|when it starts|when the server starts|on the next start|during the update|during the upgrade|while updating|while upgrading|when upgrading|automatically|by itself|by themselves|on its own|in the background|beim ersten start*|beim start|beim starten|beim hochfahren|nach dem ersten start|automatisch|selbsttätig|von selbst|im hintergrund|während der aktualisierung|bei der aktualisierung|beim update|au premier démarrage|au démarrage|lors du premier*|automatiquement|pendant la mise à jour|lors de la mise à jour|d'elle-même|en arrière-plan|首次启动|第一次启动|启动时|自动|升级时|升级过程|后台|starts first|when people sign in|once started|with this update|during startup|при первом запуске|при запуске|al primo avvio|all'avvio|na primeira inicialização|bij de eerste start|bij het starten|przy pierwszym uruchomieniu|автоматически|automaticamente|첫 실행*|처음 시작*|자동으로|the first boot|first boot will|on first launch|first start will",
    ),
    (
        Role::Back,
        "volver a|volver atrás|degradar|ダウングレード|元に戻|downgrading to|way back to|return to the|going back to|go back to|back to|rollbacks|revenir à|revenir en arrière|repasser|zurück zu|zurück auf|zurückwechseln|降回|退回到|回到旧|go back|going back|goes back|get back|downgrade|downgrades|downgraded|downgrading|roll back|rolled back|rollback|rolling back|return to|returning|revert to|step back|switch back|zurück|zurückkehren|rückkehr|rückweg|zurückgehen|downgrade*|retour|revenir|rétrograder|retour en arrière|retour arrière|rückgängig|回退|降级|回滚|退回|откат|откатиться|вернуться|tornare|tornare indietro|voltar|reverter|terug|powrót",
    ),
    (
        Role::Cannot,
        "no se puede|no es posible|no pueden|できません|不可能|isn't supported|aren't supported|is not supported|are not supported|no longer possible|aren't possible|is out of the question|is ruled out|ausgeschlossen|impossible de|exclu|不再可能|can only|nicht mehr|cannot|can't|can not|could not|not possible|impossible|isn't possible|not supported|unsupported|unable|do not plan|won't|will not|no longer|refuse|refuses|unmöglich|nicht möglich|nicht mehr möglich|kann nicht|können nicht|nicht unterstützt|n'est pas possible|n'est plus possible|pas possible|plus possible|ne peut|ne peuvent|ne pourra|ne pourront|不能|无法|不可|不支持|nicht lesen|not able|never|nicht mehr|fail to|fails to|don't know|does not know|do not know|may not|might not|may no longer|might no longer|won't be able to|will not be able to|will be unable to|невозможен|невозможно|нельзя|non è possibile|impossibile|não é possível|niet mogelijk|kan niet|nie można|niemożliwy",
    ),
    (
        Role::Read,
        "restored|imported|opened|connect|talk|see|sees|join|make sense of|verbinden|se connecter|连接|look at|read|open|check|understand|use|load|start|handle|decode|parse|lesen|öffnen|verstehen|starten|lire|ouvrir|comprendre|读取|打开|识别|access|decrypt|know|knows|gelesen|write",
    ),
    (
        Role::NoWayBack,
        "means nothing to|mean nothing to|unreadable for|unreadable to|cannot be used by|can't be used by|not readable by|unlesbar für|illisible* pour|无法被|no way back|irreversible|irreversibly|one-way|one way|not reversible|cannot be undone|can't be undone|can not be undone|keinen weg zurück|kein weg zurück|kein zurück|unumkehrbar|irréversible*|sans retour|aucun retour|不可逆|不可回退|no return|no going back|point of no return|nicht umkehrbar|unwiderruflich|pas de retour|되돌릴 수 없*|다운그레이드할 수 없*",
    ),
    (
        Role::Format,
        "format|formats|layout|structure|structures|schema|encoding|aufbau|struktur|speicherformat|格式|结构|布局|disposition|arborescence",
    ),
    (
        Role::New,
        "new|another|different|other|changed|changes|neu|neue|neuen|neues|andere*|geändert|nouveau|nouvelle|autre|différent*|新|另一|不同|更改|变更|v2|v3|v4",
    ),
    (
        Role::Disk,
        "on the disk|on disk|on-disk|of the disk|of stored|stored data|data folder|data directory|datafile*|data file*|storage engine|snapshot|snapshots|wal|auf der platte|auf dem datenträger|gespeicherte*|sur le disque|stocké*|磁盘|存储|快照|persisted|stored|kept|at rest|of the database|of the index|of the store|of the cache|der datenbank|de la base|in the database",
    ),
    (
        Role::Reindex,
        "rebuild-index|reindexar|インデックスの再構築|再インデックス|rebuilds the index*|rebuild* index*|rebuilt index*|full reindex|index* from scratch|reindexes|indexes are created again|indexes get|重建全部索引|reindex|reindexed|re-index|reindexing|rebuild the index*|rebuild all index*|rebuild your index*|rebuild index*|index rebuild|index is rebuilt|indexes are rebuilt|indices are rebuilt|search index*|neuindiz*|index neu|réindex*|l'indexation|indexation|重建索引|重新索引|重建全文|indexes have to be rebuilt|index has to be rebuilt|index must be rebuilt|index has been rebuilt|index was rebuilt|indexes have been rebuilt|index is complete|computed again",
    ),
    (
        Role::Dump,
        "dump and restore|dump/restore|dump and reload|export and import|pg_upgrade|pg_dump|pg_dumpall|sichern und einspielen|导出并导入|exporter puis importer",
    ),
    (
        Role::Older,
        "older versions|older version|old versions|older servers|older server|older binaries|older releases|older release|older ones|older clients|previous version*|previous release*|old version|earlier version*|earlier release*|former version*|ältere*|älteren|vorgänger*|frühere*|vorherige*|anciennes versions|ancienne version|version* précédente*|version* antérieure*|旧版本|旧版|老版本|older code|the old code|old binaries|older nodes",
    ),
    (
        Role::Steps,
        "required actions|necessary steps|required steps|necessary actions|notwendige schritte|actions nécessaires|étapes nécessaires|必要操作|to-do|manual steps|manual step|manual intervention|manual action*|action required|action needed|actions required|special steps|upgrade steps|update steps|further steps|extra steps|additional steps|manuelle schritte|manueller schritt|manuelle eingriffe|manueller eingriff|manuellen schritte|intervention manuelle|étapes manuelles|action requise|actions requises|手动操作|手动步骤|人工操作|steps|schritte|étapes|action|aktion*|handlung*|manual work|downtime|special action|to do|actions|步骤|manual upgrade",
    ),
    (
        Role::Update,
        "actualización|versiones|バージョン|still on|are on|noch auf|encore sur|to upgrade|to update|how to upgrade|how to update|before upgrading|before you upgrade|when upgrading|upgrade|upgrades|upgrading|update|updates|updating|aktualisier*|umstieg|migration|upgrade-*|update-*|mise à jour|mise à niveau|升级|更新|upgraders|installation|installations|installationen|come|coming|comes|kommt|kommen|komme|venez|viennent|vient|vom|versions|version|versionen|版本|jump|skipping|whoever runs|still run|still runs|if you run|wer noch|coming from",
    ),
    (
        Role::Before,
        "before|version antérieure* à|versions antérieure* à|version inférieure* à|version < |older than|earlier than|prior to|below|lower than|vor|älter als|kleiner als|antérieure* à|antérieur à|inférieure* à|avant la|avant|之前|低于|以前|早于|以下|less than|pre|under",
    ),
    (
        Role::From,
        "still on|are on|noch auf|encore sur|from|von|aus|depuis|de|d'une|从|由|running|run|on|auf|coming from",
    ),
    (Role::Since, "since|in|dans|在|as of|seit|ab|depuis|à partir de|自|starting with|beginning with"),
    (
        Role::Attention,
        "atención|aviso|importante|注意点|重要なお知らせ|管理者の方へ|attention|heads up|heads-up|warning|important|caution|please note|note well|achtung|wichtig|hinweis|warnung|avertissement|à noter|attention|注意|重要|警告|read this|watch out|before you update|before you upgrade|must read|notable change*|know before|good to know|what to know|attenzione|atenção|внимание|важно|let op|belangrijk|uwaga|ważne|impact|who is affected|affected|auswirkung*|wer ist betroffen|impacts|影响|影响范围|danger|주의*|중요*",
    ),
    (
        Role::Yours,
        "your|yours|eure|euren|ihre|ihren|votre|vos|您的|你的|相应|to your|in your|from your|of your|into your|on your",
    ),
    (Role::Adapt, "adapt|adjust|convert|change|update your|check your|review your|update the"),
    (Role::Off, "off|closed|shut|disabled|deactivated|aus|geschlossen|deaktiviert|désactivé*|fermé*|关闭"),
    (
        Role::Unless,
        "unless|only if|only when|only with|only for|es sei denn|nur wenn|nur mit|nur noch mit|sauf si|seulement si|除非|仅当|只有",
    ),
    (
        Role::Strict,
        "strict|strictly|unknown|exactly|streng|strenger|unbekannte*|genau|strictement|inconnu*|exactement|未知|严格|case-sensitive|case sensitive|case-insensitive|whitelisted|unrecognised|unrecognized|unexpected|malformed|misspelt|misspelled|case-insensitive*|case-sensitive*|case sensitive*",
    ),
    (
        Role::Swapped,
        "swapped|swaps|switched from|switches from|trades|traded|replaced|replaces|replace|in exchange for|getauscht|tauscht|ersetzt|remplace|remplacé*|换成|替换|取代|is replaced by|are replaced by|was replaced by|were replaced by|replaced by|wird ersetzt durch|remplacé par",
    ),
    (
        Role::Less,
        "lowered|lower|relaxed|relaxes|loosened|gesenkt|abaissé*|less memory|less disk|less room|less cpu|fewer|weniger speicher|weniger|moins de|更少|cut from|cut to|cut down|cut by|halved|down by|down from|a third of|half of|half the|weniger als|réduit*|减少",
    ),
    (
        Role::Is,
        "is now|are now|is now called|becomes|become|is|are|ist|sind|est|sont|ist jetzt|sind jetzt|est désormais|现为|改为",
    ),
    (Role::Arrow, "→"),
    (
        Role::OffByDefault,
        "off by default|disabled by default|not enabled by default|standardmäßig aus|standardmäßig deaktiviert|désactivé* par défaut|默认关闭|默认不启用|默认禁用",
    ),
    (
        Role::Contract,
        "format|formats|syntax|api|apis|signature|semantics|behavior|behaviour|protocol|schema|layout|structure|verhalten|schnittstelle|comportement|syntaxe|格式|语法|行为|接口|payload|payloads|body|shape|units",
    ),
    (
        Role::Maker,
        "disable|enable|turn off|turn on|change|switch|set|use|bind|run|make|raise|lower|increase|decrease|reduce|rename|move|enforce|restrict|limit",
    ),
    (
        Role::Existing,
        "that still|who still|which still|still set|still use|still using|still running|existing|old|older|bestehende*|vorhandene*|alte|alten|bisherige*|existants|existantes|existant|anciens|anciennes|ancien|ancienne|现有|旧|已有",
    ),
    (
        Role::Dies,
        "stop working|stops working|won't work|will not work|doesn't work|does not work|don't work|become invalid|becomes invalid|are invalid|is invalid|are invalidated|be invalidated|is invalidated|are reset|werden ungültig|wird ungültig|sind ungültig|funktionieren nicht|失效|作废|gets signed out|get signed out|are signed out|is signed out|gets logged out|get logged out|are logged out|is logged out|sign in again|log in again|sign in anew|log in anew|signs everybody out|signs everyone out|logs everybody out|logs everyone out|are void|is void|become void|expire at once|loses access|lose access|won't be able to|will not be able to|will be unable to|abgemeldet|neu anmelden|erneut anmelden|se reconnecter|déconnecté*|重新登录|重新登陆|被登出|退出登录|stopped working|lose the right|loses the right|lose the ability",
    ),
    (
        Role::Enforced,
        "mandatory|compulsory|obligatory|enforced|take precedence|takes precedence|win over|wins over|verpflichtend|zwingend|obligatoire*|prioritaire*|强制|必填|优先于|beats|beat|overrides|outranks|trumps|has precedence|have precedence|precedence over|vorrang|prime sur|takes priority|take priority|win|wins",
    ),
    (
        Role::Refused,
        "get a 4*|gets a 4*|is rejected|are rejected|is refused|are refused|is denied|are denied|aren't accepted|isn't accepted|is not accepted|are not accepted|werden abgelehnt|wird abgelehnt|sont refusé*|est refusé*|会被拒绝|get 4*|gets 4*|receive 4*|receives 4*|see a 4*|get a 5*|turned down|turned away|werden zurückgewiesen|wird zurückgewiesen",
    ),
    (
        Role::Unit,
        "seconds|milliseconds|minutes|hours|bytes|kilobytes|utc|sekunden|millisekunden|secondes|millisecondes|秒|毫秒|string|strings|integer|integers|boolean|array|an array|object|uuid|uuids|numbers|iso 8601|unix time|epoch|json|base64",
    ),
    (
        Role::Requirements,
        "requirements|requirement|voraussetzungen|anforderungen|systemvoraussetzungen|prérequis|系统要求",
    ),
    (
        Role::Failed,
        "could not|couldn't|did not|didn't|stopped when|failed when|failed if|failed to|crashed|hung|was ignored|were ignored|was wrong|were wrong|got lost|konnte nicht|konnten nicht|schlug fehl|ne pouvait|échouait",
    ),
    (Role::Except, "except|except for|außer|ausgenommen|bis auf|sauf|hormis|除了|excepto|salvo"),
    (Role::Speed, "performance|performances|leistung|geschwindigkeit|性能|rendimiento|speed"),
    (
        Role::Only,
        "only|nur|uniquement|seulement|仅|只|nothing but|exclusively|solely|no more than|at most|ausschließlich|höchstens|exclusivement|au plus|最多|仅限",
    ),
    (
        Role::Formerly,
        "was|were|previously|formerly|before|bisher|vorher|zuvor|auparavant|précédemment|avant|原为|之前为",
    ),
    (
        Role::Rolling,
        "mixed cluster*|mixed version*|mixed-version*|rolling update*|rolling upgrade*|rolling restart*|zero-downtime*|zero downtime*|hot upgrade*|滚动升级|滚动更新",
    ),
    (
        Role::Gone,
        "is gone|are gone|was removed|were removed|been removed|was dropped|were dropped|been dropped|been retired|was retired|were retired|was discontinued|been discontinued|was deleted|been deleted|ist weg|sind weg|wurde entfernt|wurden entfernt|a été supprimé*|ont été supprimé*|a été retiré*|a disparu|entfällt|entfallen|fällt weg|fallen weg|gibt es nicht mehr|abgeschafft|eingestellt|fliegt raus|fliegen raus|disparaît|disparaissent|est supprimé*|sont supprimé*|est retiré*|sont retiré*|已移除|已删除|被移除|已下线|goes away|go away|has been retired|have been retired|is history|are history",
    ),
    (Role::Developers, "helm|developers|entwickler|développeurs|开发者"),
    (
        Role::Better,
        "faster|quicker|schneller|plus rapide*|smoother|nicer|clearer|更快|更清晰|smaller|lighter|kleiner|plus petit*|plus léger*|更小|更轻",
    ),
    (Role::Limited, "limited to|restricted to|capped at|begrenzt auf|beschränkt auf|limité* à|limitée à|限制为"),
    (
        Role::Peer,
        "client|clients|agent|agents|plugin|plugins|node|nodes|browser|browsers|app|apps|device|devices|runner|runners|sdk|sdks|worker|workers|server|servers|klienten|agenten|navigateurs|客户端|浏览器|节点",
    ),
    (
        Role::Restore,
        "restore the backup|restore a backup|restore your backup|restore the old backup|restore from|restoring a backup|restoring the backup|restore|restores|restoring|restored|wiederherstell*|restaurer|restauration|恢复备份|还原",
    ),
    (Role::Ends, "ended|ends|has ended|endet|endete|prend fin|a pris fin|结束|enden|end|prennent fin"),
    (
        Role::Appendix,
        "checksum*|sha256*|prüfsumme*|sommes de contrôle|校验*|contributors|artifacts|assets|downloads|download|installation|install|installing|getting started|verification|verify|signature|signatures|credits|sponsors|acknowledgements|mitwirkende|danksagung*|remerciements|images|docker images|container images|贡献者|下载|安装",
    ),
    (
        Role::IsNow,
        "is now|are now|ist jetzt|ist nun|ist künftig|sind jetzt|sind nun|est désormais|sont désormais|est maintenant|sont maintenant|现为|现在是|改为",
    ),
    (Role::Condition, "if|when|whenever|where|while|wenn|falls|sobald|si|quand|lorsque|lorsqu'il|如果|当|若"),
    (
        Role::Guard,
        "removing a|removing an|removing the|warn|warns|show|shows|display|displays|explain|explains|deleting a|deleting an|deleting the|renaming a|renaming an|renaming the|moving a|moving the|prevent|prevents|avoid|avoids|ensure|ensures|handle|handles|tolerate|don't|do not|never|verhinder*|vermeid*|évite*|empêche*|避免|防止|确保",
    ),
    (Role::Casual, "immediately|at once|right away|restart|redeploy|report|join|as soon as possible"),
    (Role::Advised, "recommended|recommend|we recommend|wird empfohlen|recommandé*|建议|推荐"),
    (Role::Pronoun, "who|which|it|its|this|that|they|these|es|dies|das|diese|sie|il|elle|cela|ceci|ils|它|它们|这|该"),
    (Role::Unreleased, "unreleased|unveröffentlicht|non publié*|未发布"),
    (
        Role::Upkeep,
        "chore|chores|maintenance|housekeeping|under the hood|wartung|maintenance interne|continuous integration|tooling|infrastructure|维护|杂项",
    ),
    (
        Role::Often,
        "often|usually|typically|generally|in general|as a rule|sometimes|skipped releases|skipped versions|skipped release|oft|meist|meistens|üblicherweise|souvent|généralement|d'habitude|en général|通常|一般",
    ),
    (
        Role::Workaround,
        "workaround*|mitigation|mitigations|mitigate|can't update|cannot update|can't upgrade|cannot upgrade|can not upgrade|can not update|unable to update|unable to upgrade|not able to upgrade|not able to update|nicht aktualisieren können|nicht aktualisieren kann|ne pouvez pas mettre à jour|暂时无法升级|无法立即升级|known issue*|known problem*|known bug*|known limitation*|bekannte probleme|bekannte fehler|problèmes connus|已知问题|umgehung*|contournement*|临时方案|缓解措施",
    ),
    (
        Role::Nothing,
        "ninguno|ninguna|nada|なし|特になし|there are none|there is none|there are no|there is no|there were no|es gibt keine|il n'y a pas|il n'y en a pas|none|no|nothing|n/a|keine|nichts|nein|aucun|aucune|rien|non|无|没有|否|null|-|—|–|nope|false|not applicable|we are not aware of any|not aware of any|we know of none|none that we know|none known|keine bekannt|aucun connu|нет|nessuna|nessuno|nenhuma|nenhum|geen|brak",
    ),
];

type Index = HashMap<[char; 2], Vec<Entry>>;

struct Entry {
    words: Vec<&'static str>,
    role: Role,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::new();
    for (role, all) in WORDS {
        for phrase in all.split('|') {
            let words: Vec<&str> = phrase.split_whitespace().collect();
            let Some(first) = words.first() else { continue };
            index.entry(key(first)).or_default().push(Entry { words, role: *role });
        }
    }
    for entries in index.values_mut() {
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.words.len(), entry.words.first().map_or(0, |w| w.len()))));
    }
    index
});

/// What words begin with, as far as they are looked up by it.
fn key(word: &str) -> [char; 2] {
    let mut letters = word.chars();
    let first = letters.next().unwrap_or_default();
    // Of one Chinese character much can begin.
    let second = if is_ideograph(first) { None } else { letters.next().filter(|c| *c != '*') };
    [first, second.unwrap_or_default()]
}

pub(super) fn is_ideograph(c: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&c) || ('\u{3040}'..='\u{30ff}').contains(&c)
}

/// The roles of the longest phrase that words begin with, and how many words it has.
pub(super) fn roles(words: &[&str], mut take: impl FnMut(Role)) -> usize {
    let Some(first) = words.first() else { return 1 };
    let mut length = 0;
    for entry in INDEX.get(&key(first)).into_iter().flatten() {
        let is_beside = entry.role.stands_beside();
        let long_enough = is_beside || entry.words.len() >= length;
        let matches = || {
            entry.words.len() <= words.len()
                && entry.words.iter().zip(words).all(|(pattern, word)| is_like(pattern, word))
        };
        if long_enough && matches() {
            if !is_beside {
                length = entry.words.len();
            }
            take(entry.role);
        }
    }
    length.max(1)
}

fn is_like(pattern: &str, word: &str) -> bool {
    #[cfg(test)]
    step();
    pattern.strip_suffix('*').map_or_else(|| pattern == word, |start| word.starts_with(start))
}

/// The same for Chinese, which has no spaces: how many bytes the longest word has that a text begins with.
pub(super) fn roles_of_ideographs(text: &str, mut take: impl FnMut(Role)) -> Option<usize> {
    let first = text.chars().next()?;
    let mut length = 0;
    for entry in INDEX.get(&[first, '\0']).into_iter().flatten() {
        let Some(word) = entry.words.first().filter(|word| text.starts_with(**word)) else { continue };
        if word.len() >= length {
            length = word.len();
            take(entry.role);
        }
    }
    (length > 0).then_some(length)
}

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts what is done for a word.
#[cfg(test)]
pub(super) fn step() {
    STEPS.set(STEPS.get() + 1);
}

/// What was done since it was last asked.
#[cfg(test)]
pub(super) fn steps() -> usize {
    STEPS.replace(0)
}
