//! When, on what condition, and how it is said.

use super::super::role::Role;

pub(super) const WORDS: &[(Role, &str)] = &[
    (
        Role::AppUser,
        "owner|owners|member|members|editor|editors|author|authors|reviewer*|moderator*|student*|teacher*|customer*|visitor*|guest|guests|participant*|mitglied*|besitzer*|membre*|propriétaire*|成员|所有者|viewer|viewers",
    ),
    (Role::Hitherto, "used to|until now|so far|up to now|bis jetzt|bisher|bislang|jusqu'ici|jusqu'à présent|此前|过去"),
    (Role::Until, "until|till|bis|jusqu'à|jusqu'en|直到"),
    (Role::Did, "returned|answered|showed|sent|printed|displayed|wrote|counted|opened|crashed|failed|lost"),
    (Role::Relative, "who|which|that|whether|what|why|wer|welche|welcher|qui|quels|quelles|哪些"),
    (
        Role::Habit,
        "every night|every day|every hour|once a day|once an hour|once a week|daily|hourly|weekly|nightly|after a week|after a day|after a while|periodically|regularly|from time to time|täglich|nächtlich|stündlich|wöchentlich|jede nacht|chaque nuit|chaque jour|每天|定期|时显示|时会|时提示|时需确认|时自动|when a|when an|whenever",
    ),
    (
        Role::Also,
        "also|additionally|in addition|auch|ebenfalls|zusätzlich|aussi|également|en plus|también|也|同样|同时|as well as|sowie|ainsi que|以及",
    ),
    (Role::Every, "all|every|each|everyone|everybody|alle|alles|jede*|tous|toutes|chaque|所有|全部|每个"),
    (
        Role::Not,
        "ni|ningún|ninguna|sin|ありません|不要です|nothing|there are no|there is no|there were no|es gibt keine|il n'y a pas|no|not|none|without|never|kein|keine|keinen|keiner|keinerlei|ohne|nicht|aucun|aucune|pas de|pas d|sans|non|nein|无|无需|没有|未|不含|不需要|不必|不涉及|don't|doesn't|does not|do not|isn't|aren't|wasn't|weren't|hasn't|haven't|decided against|neither|nor|n'est pas|ne sont pas|n'a pas|n'ont pas|не требуется|нет|non serve|nessuna|nessun|nenhuma|nenhum|não|geen|brak|bez",
    ),
    (
        Role::Still,
        "sigue funcionando|siguen funcionando|igual que antes|引き続き|has not changed|have not changed|hasn't changed|haven't changed|did not change|didn't change|not changed|n'a pas changé|nicht geändert|没有变化|still work*|still works|still read|still accepted|still answer*|still valid|still supported|still|keep working|keeps working|keep work*|go on|goes on|continue*|unchanged|stays as|stay as|stays the|stay the|as before|as it was|as they were|as they are|as usual|both work*|works too|too|as well|the same|keep theirs|keep what|keep their|keeps|keep its|backward compatible|backwards compatible|backward-compatible|backwards-compatible|kompatibel|rückwärtskompatibel|funktioniert weiter*|funktionieren weiter*|gelten weiter*|gilt weiter*|weiterhin|bleibt|bleiben|unverändert|wie bisher|reste*|inchangé*|toujours|rétrocompatible*|comme avant|仍|仍然|仍可|保持|不变|继续|兼容旧|两者皆可|alias|as an alias|both names|both are|for compatibility|stays compatible|stay compatible|remains compatible|remain compatible|fully compatible|stays valid|stay valid|compatible with old|keep on working|everything keeps|bleibt kompatibel|reste compatible|restent valables|仍然有效|保持兼容|向后兼容|accept both|accepts both|both the old|sowohl|as 3.1 did|as it did|as they did|wie zuvor|remain|remains|remained",
    ),
    (
        Role::Fixed,
        "semver-patch|corregido|corregida|corrige|arreglado|arreglada|correcciones|error corregido|errores corregidos|修正|不具合|works again|work again|is back|are back|comes back|bring back|brings back|brought back|re-add*|readd*|reintroduce*|restores|restore support|funktioniert wieder|funktionieren wieder|fonctionne à nouveau|fonctionne de nouveau|réapparai*|fix|fixed|fixes|bugfix|bug|bugs|bug fixes|repair|repaired|repairs|mend|mended|mends|restore the|restored the|restored support|corrected|correct|revert|reverts|reverted|regression|by accident|accidentally|behoben|behebt|korrektur*|korrigiert|fehlerbehebung*|repariert|corrigé*|correction*|corrige*|réparé*|修复|解决|hotfix|patch changes|bugfixes|was reported|were reported|issue where|problem where|fehler|incorrectly|wrongly|mistakenly|erroneously|improperly|inadvertently|unintentionally|unintended|now correctly|now properly|correctly now|instead of failing|instead of panicking|instead of crashing|fälschlich*|fälschlicherweise|versehentlich|à tort|par erreur|错误地|误|resolved|resolves|resolve|closed issues|workaround|workarounds|instead of 500|instead of a 500|instead of an error|instead of null|instead of nothing|instead of crash*|instead of a crash|instead of a stack|instead of silently|instead of a blank|instead of an empty|at last|finally|backport|backports|backported|cherry-pick*|исправлено|исправлен*|исправления|corretto|corretta|corretti|correzioni|corrigido|corrigida|correções|opgelost|verholpen|naprawiono|addresses an issue|addressed an issue|addresses a bug|addresses several|addresses the issue|addressed a|addresses a|taken out again|taken back|was undone|were undone|backed out again|is undone|수정*|버그*",
    ),
    (
        Role::Added,
        "semver-minor|novedades|nuevo|nueva|nuevos|nuevas|añade|añadido|mejoras|mejora|新機能|追加|改善|新しく|add|added|adds|new|feature|features|feat|neu|neue|neuer|neues|neuen|hinzugefügt|neuerung*|neuigkeiten|nouveau|nouvelle|nouveautés|nouvel|nouvelles|ajouté|ajout*|新增|新功能|增加|添加|introduce*|enhancement*|improvement*|improve*|minor changes|highlights|what's new|performance|优化|改进|特性|verbesser*|amélior*|optimi*|speed*|faster|новое|добавлен*|добавлено|поддержка|aggiunto|aggiunta|aggiunti|novità|adicionado|adicionada|novidades|toegevoegd|nieuw|dodano|nowości|새로운*|추가*",
    ),
    (
        Role::Can,
        "puede|pueden|se puede|se pueden|permite|できるように|可能になりました|can|can now|could|may|might|lets|allow|allows|allowing|able|possible to|ability|support for|kann|können|lässt|lassen|erlaubt|möglich zu|peut|peuvent|on peut|permet*|pouvez|possibilité|可|可以|能|允许|支持|offer*|helps|help|asks before|option to|way to|button to|command to|can still be|may still be|could still be",
    ),
    (
        Role::Planned,
        "next major|next version|next release|next minor|upcoming|in the future|in future|in a future|future version*|future release*|planned|plan to|plans to|coming|will soon|soon be|later version|later release|eventually|nächsten version|nächste version|nächsten hauptversion|nächste hauptversion|kommende*|zukünftig*|geplant|prochaine*|future*|à venir|prévu*|下一个|下个|下一|未来|计划|后续版本|即将|what's next|what comes next|up next|looking ahead|roadmap|outlook|ausblick|perspectives|we intend|intend to|end of the year|next year|im nächsten|would|considering|prepare for|prepares for|prepare the|prepares the|preparation*|groundwork|vorbereitung*|préparation*|préparer|next lts|next one",
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
        Role::AtStart,
        "al arrancar|en el primer arranque|automáticamente|初回起動時|起動時に|自動的に|comes up|while the server starts|while starting|during start|while the service comes up|beim hochkommen|the migration runs|migration runs|migrations run|the first start|while it starts|after the first start|after starting|once it has started|upon start*|upon first*|during the conversion|pendant la conversion|bei der umstellung|启动后|首次运行|第一次运行|takes a while|may take|can take|took about|dauert|peut durer|peut prendre|需要较长时间|耗时|at first start|on first start|at the first start|on the first start|first start|at start|on start|at startup|on startup|first startup|first launch|first run|first boot|at boot|on boot|starts for the first time|start for the first time|when it starts|when the server starts|on the next start|during the update|during the upgrade|while updating|while upgrading|when upgrading|automatically|by itself|by themselves|on its own|in the background|beim ersten start*|beim start|beim starten|beim hochfahren|nach dem ersten start|automatisch|selbsttätig|von selbst|im hintergrund|während der aktualisierung|bei der aktualisierung|beim update|au premier démarrage|au démarrage|lors du premier*|automatiquement|pendant la mise à jour|lors de la mise à jour|d'elle-même|en arrière-plan|首次启动|第一次启动|启动时|自动|升级时|升级过程|后台|starts first|when people sign in|once started|with this update|during startup|при первом запуске|при запуске|al primo avvio|all'avvio|na primeira inicialização|bij de eerste start|bij het starten|przy pierwszym uruchomieniu|автоматически|automaticamente|첫 실행*|처음 시작*|자동으로|the first boot|first boot will|on first launch|first start will|on first access|on the first access|on first use|on first read|when first read|when first opened|at the next sign-in|at the next login|on next login|on first sign-in|on first login",
    ),
    (
        Role::Cannot,
        "no se puede|no es posible|no pueden|できません|不可能|isn't supported|aren't supported|is not supported|are not supported|no longer possible|aren't possible|is out of the question|is ruled out|ausgeschlossen|impossible de|exclu|不再可能|can only|nicht mehr|cannot|can't|can not|could not|not possible|impossible|isn't possible|not supported|unsupported|unable|do not plan|won't|will not|no longer|refuse|refuses|unmöglich|nicht möglich|nicht mehr möglich|kann nicht|können nicht|nicht unterstützt|n'est pas possible|n'est plus possible|pas possible|plus possible|ne peut|ne peuvent|ne pourra|ne pourront|不能|无法|不可|不支持|nicht lesen|not able|never|fail to|fails to|don't know|does not know|do not know|may not|might not|may no longer|might no longer|won't be able to|will not be able to|will be unable to|невозможен|невозможно|нельзя|non è possibile|impossibile|não é possível|niet mogelijk|kan niet|nie można|niemożliwy",
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
        "atención|aviso|importante|注意点|重要なお知らせ|管理者の方へ|attention|heads up|heads-up|warning|important|caution|please note|note well|achtung|wichtig|hinweis|warnung|avertissement|à noter|注意|重要|警告|read this|watch out|before you update|before you upgrade|must read|notable change*|know before|good to know|what to know|attenzione|atenção|внимание|важно|let op|belangrijk|uwaga|ważne|impact|who is affected|affected|auswirkung*|wer ist betroffen|impacts|影响|影响范围|danger|주의*|중요*",
    ),
    (
        Role::Failed,
        "could not|couldn't|did not|didn't|stopped when|failed when|failed if|failed to|crashed|hung|was ignored|were ignored|was wrong|were wrong|got lost|konnte nicht|konnten nicht|schlug fehl|ne pouvait|échouait|were unable|was unable|were not able|was not able|attempt to|attempts to|instead of stopping|instead of crashing|instead of failing|instead of hanging|instead of panicking|instead of exiting|instead of dying|instead of blocking|instead of freezing|instead of aborting|instead of timing|rather than stopping|rather than crashing|rather than failing|rather than hanging|rather than panicking|rather than exiting|rather than dying|rather than blocking|rather than freezing|rather than aborting|rather than timing",
    ),
    (
        Role::Except,
        "apart from|aside from|abgesehen von|à part|mis à part|hors|除|except|except for|außer|ausgenommen|bis auf|sauf|hormis|除了|excepto|salvo",
    ),
    (Role::Speed, "performance|performances|leistung|geschwindigkeit|性能|rendimiento|speed"),
    (Role::Condition, "if|when|whenever|where|while|wenn|falls|sobald|si|quand|lorsque|lorsqu'il|如果|当|若"),
    (Role::Pronoun, "who|which|it|its|this|that|they|these|es|dies|das|diese|sie|il|elle|cela|ceci|ils|它|它们|这|该"),
    (Role::Unreleased, "unreleased|unveröffentlicht|non publié*|未发布"),
    (
        Role::Often,
        "often|usually|typically|generally|in general|as a rule|sometimes|skipped releases|skipped versions|skipped release|oft|meist|meistens|üblicherweise|souvent|généralement|d'habitude|en général|通常|一般",
    ),
    (
        Role::Nothing,
        "ninguno|ninguna|nada|なし|特になし|there are none|there is none|there are no|there is no|there were no|es gibt keine|il n'y a pas|il n'y en a pas|none|no|nothing|n/a|keine|nichts|nein|aucun|aucune|rien|non|无|没有|否|null|-|—|–|nope|false|not applicable|we are not aware of any|not aware of any|we know of none|none that we know|none known|keine bekannt|aucun connu|нет|nessuna|nessuno|nenhuma|nenhum|geen|brak",
    ),
];
