import DeliveryCore
import LogCore
import MessageFormat
package import RemotingProtocol

// How the broker is, for operators.
extension BrokerEngine {
    mutating func brokerConfig(_ caller: Caller) {
        let settings = self.settings
        let text = PropertiesText(pairs: [
            (key: "brokerClusterName", value: settings.clusterName),
            (key: "brokerName", value: settings.brokerName),
            (key: "brokerId", value: String(settings.group?.brokerID ?? 0)),
            (
                key: "flushDiskType",
                value: settings.flushMode == .sync ? "SYNC_FLUSH" : "ASYNC_FLUSH"
            ),
            (key: "brokerRole", value: self.roleName),
            (
                key: "minInSyncReplicas",
                value: String(settings.group?.minInSyncReplicas ?? 1)
            ),
            (key: "maxMessageSize", value: String(settings.bodyBytesMax)),
            (key: "mappedFileSizeCommitLog", value: String(settings.log.segmentBytes)),
            (key: "enablePropertyFilter", value: String(settings.enablePropertyFilter)),
            (key: "traceTopicEnable", value: String(settings.delivery.hasTraceTopic)),
            (key: "autoCreateTopicEnable", value: String(settings.delivery.autoCreateTopic)),
            (
                key: "autoCreateSubscriptionGroup",
                value: String(settings.delivery.autoCreateGroup)
            ),
        ])
        self.succeed(caller, body: text.encoded)
    }

    /// The keys that RocketMQ's tools read, as far as this broker has something to say.
    mutating func runtimeInfo(_ caller: Caller) {
        let counters = self.counters
        let total = String(counters.messagesPut)
        let none = "0.0 0.0 0.0"
        let table: [String: String] = [
            "brokerVersionDesc": "V5_3_3", "brokerVersion": String(ProtocolVersion.current),
            "brokerActive": "true",
            "bootTimestamp": String(self.bootTime.milliseconds),
            "putTps": none, "getTransferredTps": none, "getFoundTps": none, "getMissTps": none,
            "getTotalTps": none,
            "msgPutTotalTodayNow": total, "msgPutTotalTodayMorning": "0",
            "msgPutTotalYesterdayMorning": "0",
            "msgGetTotalTodayNow": String(counters.messagesGot), "msgGetTotalTodayMorning": "0",
            "msgGetTotalYesterdayMorning": "0",
            "putMessageTimesTotal": total,
            "putMessageSizeTotal": String(counters.bytesPut),
            "commitLogMinOffset": String(self.segments.oldest?.base.bytes ?? 0),
            "commitLogMaxOffset": String(self.progress.confirmed.bytes),
            "commitLogDiskRatio": String(self.diskUsedRatio),
            "consumeQueueDiskRatio": String(self.diskUsedRatio),
            "remainHowManyDataToFlush": "\(self.log.end.distance(from: self.progress.durable)) B",
            "remainHowManyDataToCommit": "0 B", "dispatchBehindBytes": "0",
            "sendThreadPoolQueueSize": String(self.answers.count),
            "sendThreadPoolQueueCapacity": "0", "sendThreadPoolQueueHeadWaitTimeMills": "0",
            "pullThreadPoolQueueSize": String(self.holds.count),
            "pullThreadPoolQueueCapacity": "0", "pullThreadPoolQueueHeadWaitTimeMills": "0",
            "queryThreadPoolQueueHeadWaitTimeMills": "0", "pageCacheLockTimeMills": "0",
            "earliestMessageTimeStamp": "-1",
            "openTransactions": String(self.delivery.transactions.table.count),
            "idempotentSessions": String(self.delivery.idempotence.sessionCount),
        ]
        self.succeed(caller, body: KVTable(table: table).encoded)
    }
}

extension BrokerEngine {
    /// What name servers are told: all topics, and the version of exactly this table.
    package var registration: RegisterBrokerBody {
        var version = self.delivery.topics.dataVersion
        // A name server takes the address of the master with the larger number.
        if let epoch = self.group?.epoch { version.stateVersion = Int64(epoch.value) }
        return RegisterBrokerBody(topics: self.delivery.topics.all, dataVersion: version)
    }

    /// RocketMQ's name for what this broker is.
    private var roleName: String {
        switch self.role {
        case .alone: "ASYNC_MASTER"
        case .master: "SYNC_MASTER"
        case .replica, .fenced: "SLAVE"
        }
    }
}
