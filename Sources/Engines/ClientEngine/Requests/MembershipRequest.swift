package import RemotingProtocol

/// How a client tells brokers that it is there, asks who else is, and leaves.
package enum MembershipRequest {
    /// - Parameter lease: after how much silence an Apus broker gives this client up.
    package static func heartbeat(
        _ data: HeartbeatData, lease: Duration? = nil
    ) -> RemotingCommand {
        var command = RemotingCommand.request(.heartBeat, body: data.encoded)
        command["apusLease"] = lease.map { String(Int64($0 / .milliseconds(1))) }
        return command
    }

    package static func members(of group: String) -> RemotingCommand {
        .request(.getConsumerListByGroup, fields: ["consumerGroup": group])
    }

    /// Nil if the broker knows no member or did not say.
    package static func members(_ result: CallResult) -> [String]? {
        guard let command = try? result.get(), command.responseCode == .success else {
            return nil
        }
        return (try? ConsumerIDList(bodyOf: command))?.clientIDs
    }

    /// Whether a broker can serve the subscription.
    package static func check(
        _ subscription: SubscriptionData, clientID: String, group: String
    ) -> RemotingCommand {
        let body: JSONValue = [
            "clientId": .string(clientID), "group": .string(group),
            "subscriptionData": subscription.json,
        ]
        return .request(.checkClientConfig, body: body.encoded)
    }

    package static func leave(
        clientID: String, producerGroup: String? = nil, consumerGroup: String? = nil
    ) -> RemotingCommand {
        var command = RemotingCommand.request(.unregisterClient, fields: ["clientID": clientID])
        command["consumerGroup"] = consumerGroup
        command["producerGroup"] = producerGroup
        return command
    }
}
