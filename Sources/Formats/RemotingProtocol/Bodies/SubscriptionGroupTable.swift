package import MessageFormat

extension SubscriptionGroupConfig: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(name: try json.requiredText("groupName"))
        self.consumeEnable = try json.bool("consumeEnable", default: self.consumeEnable)
        self.consumeFromMinEnable = try json.bool(
            "consumeFromMinEnable", default: self.consumeFromMinEnable)
        self.consumeBroadcastEnable = try json.bool(
            "consumeBroadcastEnable", default: self.consumeBroadcastEnable)
        self.consumeMessageOrderly = try json.bool(
            "consumeMessageOrderly", default: self.consumeMessageOrderly)
        self.retryQueues = try json.int32("retryQueueNums", default: self.retryQueues)
        self.retryTimesMax = try json.int32("retryMaxTimes", default: self.retryTimesMax)
        self.brokerID = try json.int64("brokerId", default: self.brokerID)
        self.whichBrokerWhenConsumeSlowly = try json.int64(
            "whichBrokerWhenConsumeSlowly", default: self.whichBrokerWhenConsumeSlowly)
        self.notifyConsumerIDsChangedEnable = try json.bool(
            "notifyConsumerIdsChangedEnable", default: self.notifyConsumerIDsChangedEnable)
        self.systemFlag = try json.int32("groupSysFlag", default: self.systemFlag)
        self.consumeTimeoutMinutes = try json.int32(
            "consumeTimeoutMinute", default: self.consumeTimeoutMinutes)
        self.attributes = try json.textTable("attributes")
    }

    package var json: JSONValue {
        [
            "attributes": .textTable(self.attributes),
            "brokerId": .integer(self.brokerID),
            "consumeBroadcastEnable": .bool(self.consumeBroadcastEnable),
            "consumeEnable": .bool(self.consumeEnable),
            "consumeFromMinEnable": .bool(self.consumeFromMinEnable),
            "consumeMessageOrderly": .bool(self.consumeMessageOrderly),
            "consumeTimeoutMinute": .integer(Int64(self.consumeTimeoutMinutes)),
            "groupName": .string(self.name),
            "groupRetryPolicy": ["type": "CUSTOMIZED"],
            "groupSysFlag": .integer(Int64(self.systemFlag)),
            "notifyConsumerIdsChangedEnable": .bool(self.notifyConsumerIDsChangedEnable),
            "retryMaxTimes": .integer(Int64(self.retryTimesMax)),
            "retryQueueNums": .integer(Int64(self.retryQueues)),
            "whichBrokerWhenConsumeSlowly": .integer(self.whichBrokerWhenConsumeSlowly),
        ]
    }
}

/// All consumer groups of a broker: the answer to `getAllSubscriptionGroupConfig`.
package struct SubscriptionGroupTable: Hashable, Sendable {
    package var groups: [SubscriptionGroupConfig]
    package var dataVersion: DataVersion

    package init(groups: [SubscriptionGroupConfig], dataVersion: DataVersion) {
        self.groups = groups
        self.dataVersion = dataVersion
    }
}

extension SubscriptionGroupTable: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        let version = try json["dataVersion"].map { json throws(BodyError) -> DataVersion in
            try DataVersion(json: json)
        }
        self.init(
            groups: try JSONValue.map(try json.members("subscriptionGroupTable")) {
                member throws(BodyError) -> SubscriptionGroupConfig in
                try SubscriptionGroupConfig(json: member.value)
            },
            dataVersion: version ?? .none)
    }

    package var json: JSONValue {
        [
            "dataVersion": self.dataVersion.json,
            "forbiddenTable": [:],
            "subscriptionGroupTable": .object(
                self.groups.sorted { $0.name < $1.name }.map { JSONMember($0.name, $0.json) }),
        ]
    }
}
