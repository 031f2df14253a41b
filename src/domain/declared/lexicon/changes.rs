//! What happens to something.

use super::super::role::Role;

pub(super) const WORDS: &[(Role, &str)] = &[
    (
        Role::Incompatible,
        "cambios incompatibles|cambio incompatible|rompe la compatibilidad|互換性のない|後方互換性|破壊的変更|破壊的|changes in behavior|changes in behaviour|change in behavior|change in behaviour|bc break*|bc-break*|semver-major|semver major|major changes|incompatibilities|not backward*|wichtige änderungen für betreiber|changements majeurs|changements cassants|will break|can break|may break|重大变更|非兼容|breaking change*|breaking-change*|incompatible|backward* incompatib*|backwards-incompatible*|backward-incompatible*|backwards incompatible|behavioral change*|behavioural change*|behavior change*|behaviour change*|verhaltensänderung*|compatibility note*|compatibility change*|api change*|inkompatib*|inkompatible|nicht kompatibel|incompatib* |changement* incompatible*|rupture de compatibilité|non rétrocompatible*|pas compatible*|not compatible|isn't compatible|不兼容|破坏性|not work as before|not work like before|works differently|braking change*|break existing|no longer compatible|nicht mehr kompatibel|breaking api|breaking config*|breaks existing|breaks compatibility|breaks backward*|breaks old*|breaks all|breaks any|breaks every|breaks your|breaks clients|breaks plugins|breaks the api|breaks the old*|breaks the contract|this breaks|it breaks|which breaks|that breaks|breaks api|breaks config*|breaks scripts|breaks with|несовместим*|ломающие изменения|modifiche incompatibili|cambiamenti incompatibili|modifica incompatibile|alterações incompatíveis|mudanças incompatíveis|incompatibele wijziging*|niet compatibel|breekt|zmiany niezgodne|niekompatybiln*|호환되지*|호환성을*",
    ),
    (Role::Breaking, "breaking|rupture*|brk"),
    (
        Role::NoLonger,
        "ya no|サポートしなくなり|できなくなり|使えなくなり|no longer|no more|any longer|any more|anymore|not any more|nicht mehr|keine * mehr|kein * mehr|keinen * mehr|keiner * mehr|keines * mehr|keinem * mehr|nicht länger|ne plus|plus pris|n'est plus|ne sont plus|n'accepte plus|n'écoute plus|n'a plus|n'ont plus|ne prend plus|n'existe plus|n'existent plus|ne fonctionne plus|ne fonctionnent plus|plus possible|plus compatible*|不再|已不|ne contient plus|ne lit plus|n'inclut plus|ne démarre plus|ceased to|ceases to|stops to|stopped|stop publishing|stops|plus disponible*|ne sera plus|plus lu*|nicht weiter|больше не|non è più|non sono più|non più|não é mais|não são mais|já não|deixa de|deixou de|niet langer|niet meer|już nie|non supporta più|non funziona più|더 이상",
    ),
    (
        Role::Removed,
        "se elimina|se eliminan|eliminado|eliminada|eliminados|eliminadas|se retira|se retiran|suprimido|suprimida|削除しました|削除されました|廃止しました|廃止されました|廃止|サポートを終了|サポート終了|is gone|are gone|was removed|were removed|been removed|was dropped|were dropped|been dropped|been retired|was retired|were retired|was discontinued|been discontinued|was deleted|been deleted|ist weg|sind weg|wurde entfernt|wurden entfernt|a été supprimé*|ont été supprimé*|a été retiré*|a disparu|history|is history|are history|geschichte|de l'histoire ancienne|fin du support|fin de la prise en charge|ende der unterstützung|unterstützung endet|support ends|support has ended|终止支持|停止支持|end of life|taken out|takes out|take out|said goodbye to|say goodbye|gives way to|give way to|makes way for|make way for|lost its meaning|lost their meaning|removal|removals|withdrawn|vanished|vanishes|phased out|went away|goes away|go away|thrown out|switched off|turned off|shut down|eliminated|abolished|pulled|is no more|are no more|no longer part of|no longer there|left out|has ended|have ended|cut off|fliegt raus|fliegen raus|fällt raus|fallen raus|fällt|fallen|abgeschaltet|entfernung*|weg ist|weggelassen|verabschiede*|suppression*|prend fin|prennent fin|enlevé*|停用|关闭了|不提供|已关闭|dropping support|dropping|removes support|removed|dropped|gone|discontinued|retired|taken away|switched off for good|has been deleted|were deleted|have been deleted|has left|no more|entfernt|entfällt|entfallen|fällt weg|fallen weg|weggefallen|gestrichen|abgeschafft|eingestellt|abgekündigt und entfernt|gibt es nicht mehr|supprimé|supprimée|supprimés|supprimées|retiré|retirée|retirés|retirées|disparaît|disparaissent|disparu*|abandonné*|abandonne|移除|删除|去除|下线|取消|废除|剔除|已删|unsupported|does not exist|do not exist|ended support|end of support|ends support|stopped publishing|stop publishing|removing|turned off for good|say goodbye to|says goodbye to|drops support|dropped support|removed support|removal of support|stops supporting|stopped supporting|parted with|part with|parts with|part ways|had to go|has to go|have to go|bid farewell|farewell|farewell to|stripped from|was stripped|were stripped|axed|scrapped|purged from|ditched|thing of the past|things of the past|laid to rest|put to rest|ripped out|torn out|bows out|bow out|have gone|has gone|no longer with us|kicked out|weeded out|unbundled|decommissioned|mothballed|wound down|pulled the plug|se va|ha muerto|n'est plus là|tire sa révérence|disparait|weicht|weichen|raus|hinfällig|下架|不复存在|退役|come to an end|comes to an end|came to an end|reaches its end|reached its end|part of the enterprise|only in the enterprise|threw out|throw out|throws out|done away with|do away with|does away with|gave up|give up on|let go of|удалён|удалена|удалено|удалены|удален|удалили|убран|убрана|убраны|убрали|больше нет|rimosso|rimossa|rimossi|rimosse|eliminato|eliminata|eliminati|eliminate|removido|removida|removidos|removidas|verwijderd|vervallen|vervalt|usunięto|usunięty|usunięta|goodbye|adieu|so long|auf wiedersehen|再见|took it out|take it out|took them out|take them out|gave way to|rem|del|제거*|삭제되*|삭제했*|지원 중단*|disappears|had to remove|had to drop|had to retire|decided to remove|decided to drop",
    ),
    (
        Role::Remove,
        "sunset|end support|ending support|stop supporting|stop building|eliminate|abandon|remove|drop|retire|discontinue|stop publishing|remove support|drop support|removes|drops",
    ),
    (
        Role::Gone,
        "is gone|are gone|was removed|were removed|been removed|was dropped|were dropped|been dropped|been retired|was retired|were retired|was discontinued|been discontinued|was deleted|been deleted|ist weg|sind weg|wurde entfernt|wurden entfernt|a été supprimé*|ont été supprimé*|a été retiré*|a disparu|entfällt|entfallen|fällt weg|fallen weg|gibt es nicht mehr|abgeschafft|eingestellt|fliegt raus|fliegen raus|disparaît|disparaissent|est supprimé*|sont supprimé*|est retiré*|sont retiré*|已移除|已删除|被移除|已下线|goes away|go away|has been retired|have been retired|is history|are history",
    ),
    (
        Role::Renamed,
        "renommage|se llama ahora|pasa a llamarse|renombrado|renombrada|se renombra|名称を変更|名前を変更|に改名|changed to|was changed to|changes to|became|wurde zu|wurden zu|expected in|expected at|expected under|looked for in|looked for at|goes by|go by|is spelled|under the name|moved|moves|s'appellent|se nomme*|passe sous|传入|改到|移入|挪到|is found|are found|to be found|now found|renamed|was moved|were moved|moved to|moved from|has moved|have moved|moved into|moves to|moves from|moves into|has become|have become|becomes|is called|are called|called|replaced by|replaced with|is replaced|are replaced|superseded by|merged into|split into|heißt jetzt|heißt nun|heißt ab|heißen jetzt|heißen nun|heißt künftig|heißt|heißen|umbenannt|verschoben|umgezogen|ersetzt durch|ersetzt|an ihre stelle|an seine stelle|ist jetzt|sind jetzt|liegt jetzt|liegen jetzt|renommé*|s'appelle*|rebaptisé*|déplacé*|remplacé*|devient|deviennent|更名为|改名为|重命名为|移至|移到|移动到|迁移至|替换为|更名|改名|取代|renames|rename|move|now lives in|now live in|lives in|live in|has a new name|have new names|have other names|has another name|wandert*|différent*|other names|takes the place of|take the place of|took the place of|points to|point to|now lives|now live|lives under|live under|lives at|live at|resides in|reside in|sits in|sits under|kept in|kept under|stored in|stored under|read from|written to|got the prefix|get the prefix|gets the prefix|carry the prefix|prefixed with|ended up in|restructured|reorganised|reorganized|regrouped|переименован*|теперь называется|rinominato|rinominata|rinominati|si chiama ora|renomeado|renomeada|renomeados|passa a chamar-se|hernoemd|heet nu|heet voortaan|zmieniono nazwę|is now called|are now called|is now named|are now named|now called|gave way to|이름이 변경*|이름을 변경*|has the prefix|have the prefix|get a prefix|has a prefix|have a prefix|looked for below|looked for under|looked up in|searched for in|expected below|read from below",
    ),
    (
        Role::Changed,
        "更新日志|更新内容|更新记录|cambiado|cambiada|cambia|cambian|変更しました|変更されました|変更|changed to|was changed to|changes to|changed|changes|change|geändert|ändert|ändern|verändert|modifié*|change*|变更|更改|调整|修改了|reset|raised|lowered|switched|other|stricter|strenger|umgestellt|изменения|изменено|изменён*|modifiche|modificato|cambiamenti|alterações|mudanças|wijzigingen|gewijzigd|zmiany|zmieniono|changé|a changé|ont changé|gesenkt|erhöht|chg|differ|differs|differ from|unterscheiden|diffèrent|변경*|increased|decreased|increase|decrease",
    ),
    (
        Role::Swapped,
        "swapped|swaps|switched from|switches from|trades|traded|replaced|replaces|replace|in exchange for|getauscht|tauscht|ersetzt|remplace|remplacé*|换成|替换|取代|is replaced by|are replaced by|was replaced by|were replaced by|replaced by|wird ersetzt durch|remplacé par",
    ),
    (
        Role::Instead,
        "as opposed to|instead of|in place of|rather than|and not|but not|no longer to|statt|anstatt|anstelle|und nicht|au lieu de|au lieu d|au lieu du|et non|et non plus|à la place d*|而不是|而非|代替|改为|改成|passe de|passent de|wechselt von|changes from|changed from|goes from|from *  to|由|is the new|raised to|lowered to|reduced to|raised from|lowered from|reduced from|increased from|increased to|shortened to|verschärft|passe à|passent à|steigt auf|sinkt auf|went from|вместо|invece di|al posto di|em vez de|in plaats van|zamiast",
    ),
    (
        Role::Converted,
        "imported|importiert|importé*|moved from|merged into|split into|moved into|moves into|moved to|moves to|have become|has become|becomes|zusammengelegt|zusammengeführt|fusionné*|encrypted anew|hashed anew|written anew|anew|encrypted again|computed again|computed anew|hashed again|one-time conversion|conversion|umwandlung|alters the|gets a column|get a column|gets a new column|new column|restructured|brought over|carried over|transcoded|upgraded in place|reshaped|regrouped|moves your|moves the files|moves files|packs|packed|repacks|wird umgebaut|werden umgebaut|übernommen|übertragen|überträgt|neu berechnet|neu verschlüsselt|vidé|vidée|rechiffré*|recopié*|reconverti*|restructuré*|加密|重新计算|重新加密|改写|升级表|回填|converted|converts|convert|moves every|moves all|moves the|moves them|move every|move into|moved|rewrites|rewritten|rewrite|upgraded|upgrades the|rebuilds|rebuilt|reindexed|reindexes|rehashed|re-encrypted|reencrypted|split in|transferred|transforms|transformed|turned into|merged|re-encoded|recompressed|renumbered|reorganis*|reorganiz*|re-created|recreated|recalculated|reprocessed|backfilled|altered|alters|copied|copies all|copies every|copies the|migrated|migrates|überführt|umgewandelt|wandelt|umgestellt|migriert|konvertiert|verschoben|verschiebt|neu aufgebaut|umgeschrieben|umgezogen|umgebaut|neu geschrieben|aktualisiert das schema|angepasst|converti*|transformé*|migré*|réécrit*|déplac*|reconstruit*|transféré*|recalculé*|réindexé*|réorganisé*|转换|迁移|重写|重建|移动|转移|升级数据库|更新数据库|合并|adds a column|adds two columns|adds columns|changes the schema|upgrades the schema|rebuild|neu erzeugt|neu erstellt|neu generiert|regenerated|generated again|recréé*|regénéré*|重新生成|derived differently|indexed anew|indexed again|run through|reimported|purged|변환되*|변환됩*|turned to|sorts all|sorted into|rename every*|renames every*|renames all|rename all",
    ),
    (
        Role::Migration,
        "migración|migraciones|migra|migran|migrar|マイグレーション|移行|migration runs|migrations run|the migration runs|background migration*|database migration*|schema migration*|data migration*|migration|migrations|migrate|migrates|migrated|migrating|datenmigration*|schemamigration*|datenbankmigration*|migriert|migrieren|migrierte*|migré|migrée|migrés|migrées|migrer|迁移|schema change*|schema upgrade*|schema update*|bump schema|bumps schema|bump the schema|bumps the schema|schema bump|data conversion|new database schema|new schema|schema version*|database version*|neues schema|neues datenbankschema|nouveau schéma|新的数据库结构|结构变更|表结构|schemaänderung*|umstellung der daten*|миграция|миграции|migrazione|migrazioni|migração|migratie|migracja|db change*|database change*|db migration*|마이그레이션*",
    ),
    (
        Role::Wiped,
        "purged|purges|wiped|wipes|erased|erases|deleted|discarded|discards|emptied|cleared|truncated|dropped|lost|gelöscht|geleert|verworfen|supprimé*|vidé*|effacé*|清空|删除|丢弃|empty database|from scratch|start over|starts over|start anew|starts anew|fresh database|leere datenbank|leeren datenbank|base vide|空数据库",
    ),
    (
        Role::Back,
        "volver a|volver atrás|degradar|ダウングレード|元に戻|downgrading to|way back to|return to the|going back to|go back to|back to|rollbacks|revenir à|revenir en arrière|repasser|zurück zu|zurück auf|zurückwechseln|降回|退回到|回到旧|go back|going back|goes back|get back|downgrade|downgrades|downgraded|downgrading|roll back|rolled back|rollback|rolling back|return to|revert to|step back|switch back|zurück|zurückkehren|rückkehr|rückweg|zurückgehen|downgrade*|retour|revenir|rétrograder|retour en arrière|retour arrière|rückgängig|回退|降级|回滚|退回|откат|откатиться|вернуться|tornare|tornare indietro|voltar|reverter|terug|powrót|returning to",
    ),
    (
        Role::NoWayBack,
        "means nothing to|mean nothing to|unreadable for|unreadable to|cannot be used by|can't be used by|not readable by|unlesbar für|illisible* pour|无法被|no way back|irreversible|irreversibly|one-way|one way|not reversible|keinen weg zurück|kein weg zurück|kein zurück|unumkehrbar|irréversible*|sans retour|aucun retour|不可逆|不可回退|no return|no going back|point of no return|nicht umkehrbar|unwiderruflich|pas de retour|되돌릴 수 없*|다운그레이드할 수 없*",
    ),
    (
        Role::Reindex,
        "rebuild-index|reindexar|インデックスの再構築|再インデックス|rebuilds the index*|rebuild* index*|rebuilt index*|full reindex|index* from scratch|reindexes|indexes are created again|indexes get|重建全部索引|reindex|reindexed|re-index|reindexing|rebuild the index*|rebuild all index*|rebuild your index*|rebuild index*|index rebuild|index is rebuilt|indexes are rebuilt|indices are rebuilt|search index*|neuindiz*|index neu|réindex*|l'indexation|indexation|重建索引|重新索引|重建全文|indexes have to be rebuilt|index has to be rebuilt|index must be rebuilt|index has been rebuilt|index was rebuilt|indexes have been rebuilt|index is complete|computed again",
    ),
    (
        Role::Dump,
        "dump and restore|dump/restore|dump and reload|export and import|pg_upgrade|pg_dump|pg_dumpall|sichern und einspielen|导出并导入|exporter puis importer|dumped with|dumped and|dumped from|dumped by",
    ),
    (
        Role::Dies,
        "stop working|stops working|won't work|will not work|doesn't work|does not work|don't work|become invalid|becomes invalid|are invalid|is invalid|are invalidated|be invalidated|is invalidated|are reset|werden ungültig|wird ungültig|sind ungültig|funktionieren nicht|失效|作废|gets signed out|get signed out|are signed out|is signed out|gets logged out|get logged out|are logged out|is logged out|sign in again|log in again|sign in anew|log in anew|signs everybody out|signs everyone out|logs everybody out|logs everyone out|are void|is void|become void|expire at once|loses access|lose access|won't be able to|will not be able to|will be unable to|abgemeldet|neu anmelden|erneut anmelden|se reconnecter|déconnecté*|重新登录|重新登陆|被登出|退出登录|stopped working|lose the right|loses the right|lose the ability|worthless|are worthless|is worthless|wertlos|sans valeur|is revoked|are revoked|were revoked|been revoked|get revoked|expire with|expires with|werden widerrufen|sont révoqué*",
    ),
    (Role::Ends, "ended|ends|has ended|endet|endete|prend fin|a pris fin|结束|enden|end|prennent fin"),
    (
        Role::Reverts,
        "revert|reverts|reverted|rolled back the|back out|backed out|takes back|took back|zurückgenommen|annule|annulé|回滚|撤销",
    ),
    (
        Role::Restore,
        "restore the backup|restore a backup|restore your backup|restore the old backup|restore from|restoring a backup|restoring the backup|restore|restores|restoring|restored|wiederherstell*|restaurer|restauration|恢复备份|还原",
    ),
    (Role::Off, "off|closed|shut|disabled|deactivated|aus|geschlossen|deaktiviert|désactivé*|fermé*|关闭"),
    (
        Role::OffByDefault,
        "off by default|disabled by default|not enabled by default|standardmäßig aus|standardmäßig deaktiviert|désactivé* par défaut|默认关闭|默认不启用|默认禁用",
    ),
    (
        Role::Now,
        "ahora|a partir de ahora|今後|になりました|are now errors|are now an error|this version will|this release will|this update will|diese version wird|cette version va|ist jetzt|ist nun|ist künftig|sind jetzt|sind nun|est désormais|sont désormais|est maintenant|sont maintenant|现为|现在是|is now|are now|is on now|is off now|out of the box|unless told otherwise|starts as|ab jetzt|nunmehr|à présent|dès à présent|désormais|now named|now|jetzt|nun|maintenant|现在|改为|已改|已改为|变更为|改成|变为|调整为|seitdem|today|as of today|теперь|adesso|ora|agora|voortaan|teraz|is now called|are now called|is now named|are now named|now called",
    ),
    (
        Role::FromNowOn,
        "not optional|no longer optional|nicht mehr optional|不再可选|sind pflicht|ist pflicht|from now on|from this version on|from this release on|as of this version|as of this release|as of now|starting with this|since this version|since this release|ab sofort|ab jetzt|ab dieser version|mit dieser version|von nun an|künftig nur|désormais|dorénavant|à partir de cette version|à partir de maintenant|从此版本|从本版本|自本版本|此版本起|本版本起|今后|henceforth",
    ),
    (
        Role::IsNow,
        "is now|are now|ist jetzt|ist nun|ist künftig|sind jetzt|sind nun|est désormais|sont désormais|est maintenant|sont maintenant|现为|现在是|改为",
    ),
    (
        Role::Is,
        "is now|are now|is now called|becomes|become|is|are|ist|sind|est|sont|ist jetzt|sind jetzt|est désormais|现为|改为",
    ),
    (Role::Arrow, "→"),
    (
        Role::Was,
        "where it had|where it was|where there was|wo bisher|là où|older|previous|previously called|formerly called|known as|before|vorherig*|bislang|旧的|以前|was|were|previously|formerly|before that|used to|until now|so far|auparavant|bisher|vorher|früher|zuvor|statt bisher|jusqu'ici|jusqu'à présent|précédemment|原为|之前为|此前|原来|原先|原|until|old|alte|alten|alter|altes|ancien|ancienne|anciens|anciennes|旧",
    ),
    (
        Role::Formerly,
        "was|were|previously|formerly|before|bisher|vorher|zuvor|auparavant|précédemment|avant|原为|之前为",
    ),
    (
        Role::Other,
        "different|differently|another|otherwise|other than before|in another way|not the same|anders|andere|anderer|anderes|anderen|autrement|différemment|autre|不同|另外的|differ|differs|unterscheiden|diffèrent",
    ),
    (
        Role::Rejected,
        "is rejected|are rejected|is refused|are refused|is denied|are denied|aren't accepted|isn't accepted|is not accepted|are not accepted|werden abgelehnt|wird abgelehnt|sont refusé*|est refusé*|会被拒绝|are now errors|are errors|is an error|are now an error|turned away|turns away|an illegal instruction|bounce|bounced|zurückgewiesen|éconduit*|not looked at|not considered|no effect|without effect|has no effect|have no effect|nothing happens|not evaluated|not honoured|not honored|locked out|wirkungslos|ohne wirkung|nicht beachtet|nicht mehr beachtet|sans effet|不生效|无效|不会生效|refuses to start|refuse to start|stops the start|stop the start|rejected|rejects|refused|refuses|ignored|ignores|denied|not accepted|not read|not loaded|not understood|fails to start|won't start|will not start|does not start|doesn't start|do not start|stops at start|ends the start|exits with|exits without|exits if|exits when|aborts|abort the start|aborts the start|abgelehnt|abgewiesen|ignoriert|lehnt|startet nicht|refusé*|refuse*|rejeté*|ignoré*|ignore*|ne démarre pas|拒绝|忽略|无法启动|不会启动|error out|errors out|an error|invalid|ungültig|fehler|blocked|forbidden|answers 4*|answer 4*|answer 410|answers 410|get a 4*|gets a 4*|returns 4*|return 4*|does nothing|do nothing|is a no-op|is skipped|are skipped|skipped|is left out|are left out|not served|not answered|not matched|geht ins leere|bewirkt nichts|n'a plus d'effet|没有作用|不起作用|reject|deny|denies|disallow|disallows|forbid|forbids|does not come up|do not come up|doesn't come up|won't come up|does not boot|do not load|doesn't load|does not load|declined|declines|kommt nicht hoch|are an error|are a hard error|is a hard error|are fatal|is fatal|are errors now",
    ),
    (
        Role::Refused,
        "get a 4*|gets a 4*|is rejected|are rejected|is refused|are refused|is denied|are denied|aren't accepted|isn't accepted|is not accepted|are not accepted|werden abgelehnt|wird abgelehnt|sont refusé*|est refusé*|会被拒绝|get 4*|gets 4*|receive 4*|receives 4*|see a 4*|get a 5*|turned down|turned away|werden zurückgewiesen|wird zurückgewiesen",
    ),
    (Role::Fails, "fail|fails|fail to|fails to"),
    (Role::Limited, "limited to|restricted to|capped at|begrenzt auf|beschränkt auf|limité* à|limitée à|限制为"),
    (
        Role::Enforced,
        "mandatory|compulsory|obligatory|enforced|take precedence|takes precedence|win over|wins over|verpflichtend|zwingend|obligatoire*|prioritaire*|强制|必填|优先于|beats|beat|overrides|outranks|trumps|has precedence|have precedence|precedence over|vorrang|prime sur|takes priority|take priority|win|wins|values override|variables override|settings override|flags override|arguments override|options override",
    ),
    (
        Role::Strict,
        "strict|strictly|unknown|streng|strenger|unbekannte*|strictement|inconnu*|未知|严格|case-sensitive|case sensitive|case-insensitive|whitelisted|unrecognised|unrecognized|unexpected|malformed|misspelt|misspelled|case-insensitive*|case-sensitive*|case sensitive*|duplicate keys|duplicate key|duplicate names|duplicated keys",
    ),
    (
        Role::Only,
        "only|nur|uniquement|seulement|仅|只|nothing but|exclusively|solely|no more than|at most|ausschließlich|höchstens|exclusivement|au plus|最多|仅限",
    ),
    (
        Role::Unless,
        "unless|only if|only when|only with|only for|es sei denn|nur wenn|nur mit|nur noch mit|sauf si|seulement si|除非|仅当|只有",
    ),
    (Role::Without, "without|ohne|sans|sin|没有|未带"),
    (
        Role::Required,
        "requiere|requerido|requerida|necesita|obligatorio|obligatoria|必須|必要です|必要になりました|not optional|no longer optional|nicht mehr optional|n'est plus facultati*|不再可选|built for|compiled for|gebaut für|required from now on|wants|want|will need|would need|needed|needs to have|is a must|won't run without|does not run without|braucht|brauchen|setzt voraus|voraussetzung|verlangt nun|a besoin|il faut|仅支持|只支持|需升级|requires|require|required|needs|need|mandatory|demands|expects|erforderlich|nötig|benötigt|benötigen|verlangt|erwartet|pflicht|vorausgesetzt|setzt|nécessite*|requis*|requiert|exige*|obligatoire*|必须|要求|需要|必填|必需|essential|compulsory|nécessaire*|is necessary|are necessary|necessary|vonnöten|unabdingbar|indispensable*|prerequisite*|требуется|требуются|необходим*|нужен|нужна|нужно|richiede|richiesto|richiesta|è necessario|serve|requer|exige|é necessário|vereist|nodig|wymaga|필요합니다*|필요하*|필수*",
    ),
    (
        Role::Must,
        "debe|deben|hay que|es necesario|tiene que|may be necessary|might be necessary|may need to|might need to|may have to|might have to|il peut être nécessaire|kann nötig sein|kann es nötig sein|可能需要|must|have to|has to|need to|needs to|be sure to|are required to|is required to|be required to|muss|müssen|musst|il faut|doit|doivent|devez|devrez|faudra|必须|务必|须|需|需要|应先|you will have to|ought to|want|sollte|sollten|ist zu|sind zu|are asked to|is asked to|nötig|requires you to|action* required|wants to be|want to be|zwingend|vous devez|obliged to|you should|users should|operators should|admins should|administrators should|deployments should|everybody should|everyone should|clients should|необходимо|нужно|следует|bisogna|occorre|è necessario|dovete|deve|devono|é preciso|é necessário|moet|moeten|należy|trzeba",
    ),
    (Role::Should, "should"),
    (
        Role::Minimum,
        "mínimo|mínima|como mínimo|o superior|以上が|以降が必要|minimum version|minimum requirement*|minimal|minimale|minimum requis*|version minimale|at a minimum|upwards|or better|and up|und neuer|ou plus|以上版本|最低版本|minimum|at least|or later|or newer|or higher|or above|and later|and newer|mindestens|oder neuer|oder höher|ab version|minimum supported|minimale*|ou plus récent*|ou ultérieur*|ou supérieur*|au moins|au minimum|最低|至少|及以上|或更高|以上|mindestversion|oldest supported|lowest supported|and above|минимальная|минимум|не ниже|versione minima|almeno|o superiore|versão mínima|pelo menos|ou superior|minimaal|of hoger|of nieuwer|co najmniej",
    ),
];
