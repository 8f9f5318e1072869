package import MessageFormat

/// Who came to a consumer group and who left it: the answer to `getGroupHistory`.
package struct GroupHistoryList: Hashable, Sendable {
    package enum Change: String, Hashable, Sendable, CaseIterable {
        case joined
        /// Its connection closed.
        case connectionClosed
        /// It said goodbye.
        case unregistered
        /// Nothing was heard of it for too long.
        case silent
        /// It wants other messages than the group did before.
        case subscriptionChanged
    }

    package struct Event: Hashable, Sendable {
        package var at: Timestamp
        package var clientID: String
        package var address: String
        package var change: Change
        /// Members after it.
        package var members: Int64

        package init(
            at: Timestamp, clientID: String, address: String, change: Change, members: Int64
        ) {
            self.at = at
            self.clientID = clientID
            self.address = address
            self.change = change
            self.members = members
        }
    }

    package var group: String
    /// The oldest first; what lies further back is forgotten.
    package var events: [Event]

    package init(group: String, events: [Event]) {
        self.group = group
        self.events = events
    }
}

extension GroupHistoryList: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            group: try json.requiredText("group"),
            events: try JSONValue.map(try json.elements("events"), Event.init(json:)))
    }

    package var json: JSONValue {
        ["events": .array(self.events.map(\.json)), "group": .string(self.group)]
    }
}

extension GroupHistoryList.Event: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        let change = try json.requiredText("change")
        guard let known = GroupHistoryList.Change(rawValue: change) else {
            throw .wrongType(field: "change", expected: "a change of a group")
        }
        self.init(
            at: Timestamp(milliseconds: try json.int64("at", default: 0)),
            clientID: try json.requiredText("clientId"),
            address: json["address"]?.text ?? "", change: known,
            members: try json.int64("members", default: 0))
    }

    package var json: JSONValue {
        [
            "address": .string(self.address), "at": .integer(self.at.milliseconds),
            "change": .string(self.change.rawValue), "clientId": .string(self.clientID),
            "members": .integer(self.members),
        ]
    }
}
