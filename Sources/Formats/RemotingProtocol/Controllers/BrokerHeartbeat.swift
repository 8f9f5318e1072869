package import MessageFormat

/// Code 904: a broker tells a controller that it lives, and how far its log reaches.
///
/// Every controller gets it, and remembers it as evidence for the next election.
package struct BrokerHeartbeat: Hashable, Sendable {
    package enum Role: String, Hashable, Sendable {
        case master, replica
        /// It knows of no master that it could obey, or is one that must not write.
        case fenced
    }

    package var clusterName: String
    package var brokerName: String
    package var brokerID: Int64
    package var brokerAddress: String
    package var replicationAddress: String
    /// Drawn anew at every start of the broker and at every rebuild of its log.
    package var incarnation: UInt64
    /// The epoch of the master that the broker obeys.
    package var masterEpoch: Epoch
    /// The newest epoch in the broker's log (`epoch` on the wire).
    package var lastEpoch: Epoch
    /// The durable end of the broker's log.
    package var maxOffset: PhysicalOffset
    package var confirmOffset: PhysicalOffset
    /// After how much silence the broker counts as dead; nil: the controller's default.
    package var timeoutMilliseconds: Int64?
    /// Smaller is preferred.
    package var electionPriority: Int32
    package var role: Role
    /// Who may hold what was acknowledged, as far as the broker has it on disk; nil: it never was
    /// in a group with a master.
    package var remembered: RememberedSyncStateSet?
    /// As master it acknowledges nothing with fewer members in the SyncStateSet; nil: not said.
    package var minInSyncReplicas: Int32?
    /// What it claimed its id with; nil: it does not know any more.
    package var registerCheckCode: String?

    package init(
        clusterName: String, brokerName: String, brokerID: Int64, brokerAddress: String,
        replicationAddress: String, incarnation: UInt64, masterEpoch: Epoch, lastEpoch: Epoch,
        maxOffset: PhysicalOffset, confirmOffset: PhysicalOffset,
        timeoutMilliseconds: Int64? = nil, electionPriority: Int32 = .max, role: Role,
        remembered: RememberedSyncStateSet? = nil, minInSyncReplicas: Int32? = nil,
        registerCheckCode: String? = nil
    ) {
        self.clusterName = clusterName
        self.brokerName = brokerName
        self.brokerID = brokerID
        self.brokerAddress = brokerAddress
        self.replicationAddress = replicationAddress
        self.incarnation = incarnation
        self.masterEpoch = masterEpoch
        self.lastEpoch = lastEpoch
        self.maxOffset = maxOffset
        self.confirmOffset = confirmOffset
        self.timeoutMilliseconds = timeoutMilliseconds
        self.electionPriority = electionPriority
        self.role = role
        self.remembered = remembered
        self.minInSyncReplicas = minInSyncReplicas
        self.registerCheckCode = registerCheckCode
    }
}

extension BrokerHeartbeat {
    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            clusterName: try command.filledString("clusterName"),
            brokerName: try command.filledString("brokerName"),
            brokerID: try command.requiredInt64("brokerId"),
            brokerAddress: try command.filledString("brokerAddr"),
            replicationAddress: command.string("haServerAddr") ?? "",
            incarnation: try command.incarnation("incarnation"),
            masterEpoch: try command.epoch("masterEpoch"),
            lastEpoch: try command.epoch("epoch"),
            maxOffset: try command.position("maxOffset"),
            confirmOffset: try command.position("confirmOffset"),
            timeoutMilliseconds: try command.int64("heartbeatTimeoutMills"),
            electionPriority: try command.int32("electionPriority") ?? .max,
            role: try Self.role(command.nonEmptyString("role")),
            remembered: try RememberedSyncStateSet(command),
            minInSyncReplicas: try command.int32("minInSyncReplicas"),
            registerCheckCode: command.nonEmptyString("registerCheckCode"))
    }

    /// Brokers that do not say it are taken for replicas: nothing depends on it but what is shown.
    private static func role(_ text: String?) throws(HeaderFieldError) -> Role {
        guard let text else { return .replica }
        guard let role = Role(rawValue: text) else {
            throw HeaderFieldError(field: "role", problem: "is not master, replica or fenced")
        }
        return role
    }

    package var command: RemotingCommand {
        var fields = [
            HeaderField("brokerAddr", self.brokerAddress),
            HeaderField("brokerId", self.brokerID),
            HeaderField("brokerName", self.brokerName),
            HeaderField("clusterName", self.clusterName),
            HeaderField("confirmOffset", self.confirmOffset.bytes),
            HeaderField("electionPriority", self.electionPriority),
            HeaderField("epoch", self.lastEpoch.value),
            HeaderField("haServerAddr", self.replicationAddress),
            HeaderField("incarnation", self.incarnation),
            HeaderField("masterEpoch", self.masterEpoch.value),
            HeaderField("maxOffset", self.maxOffset.bytes),
            HeaderField("role", self.role.rawValue),
        ]
        if let timeout = self.timeoutMilliseconds {
            fields.append(HeaderField("heartbeatTimeoutMills", timeout))
        }
        fields += self.remembered?.fields ?? []
        if let min = self.minInSyncReplicas { fields.append(HeaderField("minInSyncReplicas", min)) }
        if let code = self.registerCheckCode {
            fields.append(HeaderField("registerCheckCode", code))
        }
        return RemotingCommand(.brokerHeartbeat, fields)
    }
}

/// The answer to a heartbeat: what that controller has applied, and where the leader is.
package struct BrokerHeartbeatAnswer: Hashable, Sendable {
    package var view: GroupView
    package var isLeader: Bool
    /// Empty: that controller knows of no leader.
    package var controllerLeaderAddress: String

    package init(view: GroupView, isLeader: Bool, controllerLeaderAddress: String) {
        self.view = view
        self.isLeader = isLeader
        self.controllerLeaderAddress = controllerLeaderAddress
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            view: try GroupView(answer: command), isLeader: try command.bool("isLeader") ?? false,
            controllerLeaderAddress: command.string("controllerLeaderAddress") ?? "")
    }

    package var fields: [HeaderField] {
        self.view.fields + [
            HeaderField("controllerLeaderAddress", self.controllerLeaderAddress),
            HeaderField("isLeader", self.isLeader),
        ]
    }

    package var body: [UInt8] { self.view.body }
}
