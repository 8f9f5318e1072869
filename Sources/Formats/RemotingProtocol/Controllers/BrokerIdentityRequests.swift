/// Code 1012: which id is free for a broker that has none?
package struct NextBrokerIDRequest: Hashable, Sendable {
    package var clusterName: String
    package var brokerName: String

    package init(clusterName: String, brokerName: String) {
        self.clusterName = clusterName
        self.brokerName = brokerName
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            clusterName: command.string("clusterName") ?? "",
            brokerName: try command.filledString("brokerName"))
    }

    package var command: RemotingCommand {
        RemotingCommand(
            .controllerGetNextBrokerID,
            [
                HeaderField("brokerName", self.brokerName),
                HeaderField("clusterName", self.clusterName),
            ])
    }
}

/// The answer to it.
package struct NextBrokerIDAnswer: Hashable, Sendable {
    package var clusterName: String
    package var brokerName: String
    package var nextBrokerID: Int64

    package init(clusterName: String, brokerName: String, nextBrokerID: Int64) {
        self.clusterName = clusterName
        self.brokerName = brokerName
        self.nextBrokerID = nextBrokerID
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            clusterName: command.string("clusterName") ?? "",
            brokerName: command.string("brokerName") ?? "",
            nextBrokerID: try command.requiredInt64("nextBrokerId"))
    }

    package var fields: [HeaderField] {
        [
            HeaderField("brokerName", self.brokerName),
            HeaderField("clusterName", self.clusterName),
            HeaderField("nextBrokerId", self.nextBrokerID),
        ]
    }
}

/// Code 1013: a broker claims an id. The same id with the same check code is the same broker,
/// asking again.
package struct ApplyBrokerID: Hashable, Sendable {
    package var clusterName: String
    package var brokerName: String
    package var appliedBrokerID: Int64
    package var registerCheckCode: String
    /// The broker had this id before, and the controllers have forgotten it.
    package var isReturning: Bool

    package init(
        clusterName: String, brokerName: String, appliedBrokerID: Int64,
        registerCheckCode: String, isReturning: Bool = false
    ) {
        self.clusterName = clusterName
        self.brokerName = brokerName
        self.appliedBrokerID = appliedBrokerID
        self.registerCheckCode = registerCheckCode
        self.isReturning = isReturning
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            clusterName: try command.filledString("clusterName"),
            brokerName: try command.filledString("brokerName"),
            appliedBrokerID: try command.requiredInt64("appliedBrokerId"),
            registerCheckCode: try command.filledString("registerCheckCode"),
            isReturning: try command.bool("isReturning") ?? false)
    }

    package var command: RemotingCommand {
        RemotingCommand(
            .controllerApplyBrokerID,
            [
                HeaderField("appliedBrokerId", self.appliedBrokerID),
                HeaderField("brokerName", self.brokerName),
                HeaderField("clusterName", self.clusterName),
                HeaderField("isReturning", self.isReturning),
                HeaderField("registerCheckCode", self.registerCheckCode),
            ])
    }
}

/// Code 1003: a broker that has an id says where it is now. Answered with a `GroupView`.
package struct RegisterBrokerToController: Hashable, Sendable {
    package var clusterName: String
    package var brokerName: String
    package var brokerID: Int64
    package var brokerAddress: String
    package var replicationAddress: String
    package var incarnation: UInt64
    /// What the broker claimed its id with; nil: it does not know any more.
    package var registerCheckCode: String?

    package init(
        clusterName: String, brokerName: String, brokerID: Int64, brokerAddress: String,
        replicationAddress: String, incarnation: UInt64, registerCheckCode: String? = nil
    ) {
        self.clusterName = clusterName
        self.brokerName = brokerName
        self.brokerID = brokerID
        self.brokerAddress = brokerAddress
        self.replicationAddress = replicationAddress
        self.incarnation = incarnation
        self.registerCheckCode = registerCheckCode
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            clusterName: command.string("clusterName") ?? "",
            brokerName: try command.filledString("brokerName"),
            brokerID: try command.requiredInt64("brokerId"),
            brokerAddress: try command.filledString("brokerAddress"),
            replicationAddress: command.string("haServerAddr") ?? "",
            incarnation: try command.incarnation("incarnation"),
            registerCheckCode: command.nonEmptyString("registerCheckCode"))
    }

    package var command: RemotingCommand {
        RemotingCommand(
            .controllerRegisterBroker,
            [
                HeaderField("brokerAddress", self.brokerAddress),
                HeaderField("brokerId", self.brokerID),
                HeaderField("brokerName", self.brokerName),
                HeaderField("clusterName", self.clusterName),
                HeaderField("haServerAddr", self.replicationAddress),
                HeaderField("incarnation", self.incarnation),
            ] + (self.registerCheckCode.map { [HeaderField("registerCheckCode", $0)] } ?? []))
    }
}
